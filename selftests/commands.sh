#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# commands.sh DIR: print where documents, and comments of scripts, of the tree DIR name a command
# that is not in its list, selftests/interface.txt. Part of lint.sh.

set -euo pipefail

# shellcheck disable=SC2016 # perl's
cd "$1" && find . \( -name .git -o -path ./out \) -prune -o -type f \
	\( -name '*.md' -o -name '*.sh' -o -name '*.txt' -o -name '*.py' \) -print |
	sed 's|^\./||' | sort | xargs perl -0777 -ne '
BEGIN {
	open(my $list, "<", "selftests/interface.txt") or die;
	/^command (.*)/ and $known{$1}++ for <$list> =~ /^.*$/mg;
}
s/^(?!\s*#).*$//mg if $ARGV =~ /\.sh$/;
my $quoted = qr/[`"]make[\s#]+([a-z][\w-]*)/;
my $typed = qr/^(?: {4}|\# )make ([a-z][\w-]*)(?=[ \w=]*:|\n|\h+[#A-Z])/m;
my $what = qr/\bWHAT=("[a-z][^"]*|[a-z]+)/;
while (/$quoted|$typed|$what/g) {
	my $line = 1 + (substr($_, 0, $-[0]) =~ tr/\n//);
	my @names = $3 ? map("make check WHAT=$_", $3 =~ /[a-z]+/g) : "make " . ($1 // $2);
	$known{$_} or print "$ARGV:$line: $_ is no command\n" for @names;
}'
