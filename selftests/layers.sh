#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# layers.sh LAYERS DIR OBJECT... - does each file use lower layers only?
#
# LAYERS is kmod/layers.txt, or a file like that; DIR has the files, as kmod/ does, and OBJECT
# are those that were built of them. Prints a line
#
#	for each symbol that an object uses of its own layer or of a higher one,
#	for each header that a file includes of its own layer or of a higher one, but for a
#	header of the file's own name,
#	for each header that a file includes although it has no name of it,
#	for each file that LAYERS does not name, and each name that is no file,
#	for each .c without an object.

layers=$(realpath "$1")
dir=$2
shift 2

# The .c files without an object
not_built()
{
	local file name

	for file in "$dir"/*.c; do
		name=$(basename "$file" .c)
		[[ $name == *.mod || " $* " == *"/$name.o "* ]] || echo "$name.c has no object"
	done
}

# Of what an object defines, and of what it uses, nm prints the names.
symbols()
{
	nm "$@" | awk '
	function base(path)
	{
		sub(/.*\//, "", path)
		sub(/\.o:?$/, "", path)
		return path
	}
	FILENAME != "-" {
		if (/^(#|$)/)
			next
		for (i = 1; i <= NF; i++)
			layer[$i] = FNR
		next
	}
	NF == 1 { object = base($1); next }
	$1 == "U" { used[object, $2] = 1; next }
	$2 ~ /^[A-Z]$/ { defined[$3] = object }
	END {
		for (pair in used) {
			split(pair, part, SUBSEP)
			owner = defined[part[2]]
			if (owner && layer[owner] >= layer[part[1]])
				print part[1] ".c uses " part[2] " of " owner ".c, which is not below it"
		}
	}' "$layers" -
}

# Of a header: what begins in the first column and is no prototype of a type, and the
# constants of an enum. compat/ is one name, and its files are headers without a .c.
includes()
{
	# shellcheck disable=SC2016 # perl's
	(cd "$dir" && perl -e '
	use strict;
	my ($layers, @files) = grep { !/\.mod\.c$/ } @ARGV;
	my (%layer, %text, %include, %seen);

	sub name { my $name = $_[0]; $name =~ s/\/.*|\.[ch]$//; return $name }

	# The names that a header is included for, and the fields, as the text ->name or .name.
	sub names
	{
		my ($text) = @_;
		my %names;
		$names{$1}++ while $text =~ /^#[ \t]*define[ \t]+(\w+)/mg;
		$names{$1}++ while $text =~ /^(?:struct|enum|union)\s+(\w+)\s*\{/mg;
		while ($text =~ /^enum\b[^{;]*\{(.*?)\}/smg) {
			my $body = $1;
			$names{$1}++ while $body =~ /(\w+)\s*(?:=[^,]*)?(?:,|$)/g;
		}
		# Functions and variables, in their first column or after a type.
		$names{$1}++ while $text =~ /^(?![ \t#])[^;{}()=]*?\b(\w+)\(/mg;
		$names{$1}++ while $text =~ /^extern\b[^;()]*?\b(\w+)(?:\[[^;]*)?;/mg;
		$names{$1}++ while $text =~ /^DECLARE_\w+\([^;]*\b(\w+)\);/mg;
		delete @names{grep { /^_SCOPEX_\w+_H$/ } keys %names};
		while ($text =~ /^struct\s+\w+\s*\{(.*?)^\}/smg) {
			my $body = $1;
			$names{"(?:->|\\.)$1"}++ while $body =~ /(\w+)(?:\[\w+\]|\)\([^;]*\))?(?:\s+____\w+)?;/g;
		}
		return keys %names;
	}

	open my $in, "<", $layers or die "$layers: $!";
	while (<$in>) {
		next if /^(#|$)/;
		$layer{$_} = $. for split;
	}
	for my $file (@files) {
		open $in, "<", $file or die "$file: $!";
		my $text = join "", <$in>;
		$text =~ s{/\*.*?\*/|//[^\n]*}{}gs;
		push @{$include{$file}}, $1 while $text =~ /^#\s*include\s+"(.*)"/mg;
		# What makes the trace events uses what their header needs.
		if ($text =~ /^#define CREATE_TRACE_POINTS\n#include <(.*)>/m) {
			open $in, "<", "../include/$1" or die "$1: $!";
			$text .= join "", <$in>;
		}
		$text =~ s/^#\s*include.*//mg;
		$text{$file} = $text;
		$seen{name($file)}++;
		print "layers.txt does not say where $file is\n" if !$layer{name($file)};
	}
	for my $name (keys %layer) {
		print "layers.txt names $name, which is no file\n" if !$seen{$name};
	}
	for my $file (@files) {
		for my $header (@{$include{$file}}) {
			if (name($header) eq name($file)) {
				next;
			} elsif (!exists $text{$header}) {
				print "$file includes $header, which is not there\n";
			} elsif ($layer{name($header)} >= $layer{name($file)}) {
				print "$file includes $header, which is not below it\n";
			}
			print "$file includes $header, of which it has no name\n"
				if !grep { $text{$file} =~ /(?:^|(?<=\W)|(?=\W))$_\b/m } names($text{$header} // "");
		}
	}' -- "$layers" *.[ch] compat/*.h)
}

{
	not_built "$@"
	symbols "$@"
	includes
} | LC_ALL=C sort
