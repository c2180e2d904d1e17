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

# fetch_source DIR PATTERN... - the same, for SOURCE_PACKAGE; false if it does not have
# all that is wanted. DIR is there when it is complete.
fetch_source()
{
	local dir=$1 tmp=$1.tmp.$$

	shift
	need_space 1000
	rm -rf "$dir" "$dir".tmp.*
	mkdir -p "$tmp"
	any_suite "$(other_suite "$SOURCE_SUITE")" download "$tmp" "$SOURCE_PACKAGE" ||
		die "could not fetch $SOURCE_PACKAGE"
	say "unpacking parts of $SOURCE_PACKAGE"
	unpack_source "$tmp"/*.deb "$tmp" "$@" || return
	rm "$tmp"/*.deb
	mv "$tmp" "$dir"
}
