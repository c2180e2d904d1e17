#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make docs: the reference of the API and of the code as HTML, in OUT (default: out/docs).
#
# It is made of the kernel-doc comments of include/linux/ and kmod/, by the kernel's own
# script, and of the README.md files, by sphinx. A warning is an error.
#
#	OUT=	where to
#	LINUX_SOURCE= a kernel's source tree, for its scripts/ (default: parts of the
#		distribution's package)

. "$(dirname "$0")/lib/tools.sh"
. "$ROOT/qemu/lib/scripts.sh"

# documented FILE... - those that have kernel-doc comments
documented()
{
	(cd "$ROOT" && grep -lE '^/\*\*$' "$@" | sort) || true
}

# page FILE - what the kernel-doc of a file says, as reStructuredText
#
# For sphinx a name is declared once in all pages: of a structure and a macro that have the
# same one, or of two forms of a function, the second is in a namespace.
page()
{
	local title=$1

	printf '%s\n%s\n\n' "$title" "${title//?/=}"
	perl "$SCRIPTS/kernel-doc" -rst -sphinx-version "$SPHINX" "$1" 2>>"$work/warnings" |
		awk -v names="$work/names" 'BEGIN {
			while ((getline name <names) > 0)
				seen[name] = 1
			close(names)
		}
		/^\.\. c:[a-z]+:: / {
			name = $0
			sub(/ \(.*/, "", name)
			sub(/.* /, "", name)
			print ".. c:namespace:: " (seen[name] ? "also" : "NULL") "\n"
			if (!seen[name]++)
				print name >>names
		}
		{ print }'
}

# contents TITLE PAGE... - a part of the table of contents
contents()
{
	printf '\n.. toctree::\n   :maxdepth: 1\n   :caption: %s\n\n' "$1"
	printf '   %s\n' "${@:2}"
}

# copy_readmes DIR - with the pictures that they show
#
# A link to a folder leads to its README.md; one to a file that is no page is only its text.
# What is not there is left as it is, for sphinx to complain about.
copy_readmes()
{
	local dir=$1 file

	(cd "$ROOT" && find . \( -name .git -o -path ./out \) -prune -o \
		\( -name README.md -o -name '*.svg' -o -name '*.png' \) -type f -print |
		cpio --quiet -pdm "$dir")
	find "$dir" -name README.md | while read -r file; do
		(cd "$(dirname "$ROOT/${file#"$dir/"}")" && perl -pi -e '
			s{(?<!!)\[([^\]]*)\]\(([^)#:]+)(#[^)]*)?\)}{
				my ($all, $text, $path, $part) = ($&, $1, $2, $3 // "");
				-e "$path/README.md" ? "[$text](" . $path =~ s|/*$||r . "/README.md$part)" :
				-e $path && $path !~ /\.md$/ ? $text : $all
			}ge' "$file")
	done
}

make_source()
{
	local dir=$1 file api=() code=() readmes=()

	mkdir -p "$dir/reference"
	cp "$ROOT/qemu/docs/conf.py" "$dir/"
	copy_readmes "$dir"
	cd "$ROOT" || return
	for file in $(documented include/linux/*.h) $(documented kmod/*.[ch]); do
		page "$file" >"$dir/reference/${file//\//-}.rst"
		case $file in
		include/*) api+=("reference/${file//\//-}") ;;
		*) code+=("reference/${file//\//-}") ;;
		esac
	done
	mapfile -t readmes < <(cd "$dir" && find . -name README.md | sed 's|^\./||; s|\.md$||' | sort)
	{
		printf 'scopex\n======\n'
		contents "What it is" "${readmes[@]}"
		contents "The API" "${api[@]}"
		contents "The code" "${code[@]}"
	} >"$dir/index.rst"
}

make_cache
need_programs sphinx-build:python3-sphinx myst_parser.py:python3-myst-parser cpio:cpio perl:perl
need_scripts
SPHINX=$(sphinx-build --version | sed 's/.* //')
OUT=$(realpath -m "${OUT:-$ROOT/out/docs}")
mkdir -p "$OUT" 2>/dev/null && [[ -w $OUT ]] || die "cannot write to OUT=$OUT"
work=$(mktemp -d)
on_exit rm -rf "$work"

make_source "$work/source"
if [[ -s $work/warnings ]]; then
	ktap_msg "$(cat "$work/warnings")"
	ktap_not_ok "kernel-doc"
else
	ktap_ok "kernel-doc"
fi
if sphinx-build -q -W --keep-going -b html -d "$work/doctrees" "$work/source" "$OUT"; then
	ktap_ok "sphinx"
	say "the reference: $OUT/index.html"
else
	ktap_not_ok "sphinx"
fi
conclude "make docs"
