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

# fetch_source DIR PACKAGE PATTERN... - the same, for a package that apt knows;
# false if it does not have all that is wanted. DIR is there when it is complete.
fetch_source()
{
	local dir=$1 package=$2 tmp=$1.tmp.$$

	shift 2
	need_space 1000
	rm -rf "$dir" "$dir".tmp.*
	mkdir -p "$tmp"
	apt_try download "$tmp" "$package" || die "could not fetch $package"
	say "unpacking parts of $package"
	unpack_source "$tmp"/*.deb "$tmp" "$@" || return
	rm "$tmp"/*.deb
	mv "$tmp" "$dir"
}
