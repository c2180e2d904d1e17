# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Parts of a kernel's source, from the distribution's package of it.

. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

# unpack_source DEB DIR [PATTERN]... - unpack what is in a linux-source package
# into DIR: all, or what the patterns match. In these, '*' stands for a part of a
# path without a slash, and '*/' at the start for the source's top directory.
unpack_source()
{
	local deb=$1 dir=$2 name

	shift 2
	name=$(dpkg-deb -f "$deb" Package) &&
		dpkg-deb --fsys-tarfile "$deb" |
		tar -xO "./usr/src/$name.tar.xz" |
		tar -xJ -C "$dir" --strip-components=1 --wildcards \
			--no-wildcards-match-slash "$@"
}

# Of which parts are taken; newer releases have other versions only.
SOURCE_SUITE=${SOURCE_SUITE-bookworm}
SOURCE_PACKAGE=${SOURCE_PACKAGE:-linux-source-6.1}

# fetch_source DIR PATTERN... - have what the patterns match of SOURCE_PACKAGE in DIR;
# false if it can't be had, or does not have all
fetch_source()
{
	kept "$1" 1000 unpack_parts "$(other_suite "$SOURCE_SUITE")" "$SOURCE_PACKAGE" "${@:2}"
}

# unpack_parts NEW SUITE PACKAGE [PATTERN]... - for kept
unpack_parts()
{
	download "$2" "$1" "$3" || return
	say "unpacking $3"
	unpack_source "$1"/*.deb "$1" "${@:4}" || return
	rm "$1"/*.deb
}
