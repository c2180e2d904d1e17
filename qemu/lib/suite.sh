# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of another Debian suite than the machine's own, without changing the
# machine and without root: apt runs with a configuration, lists and a cache of
# its own in $CACHE/apt/SUITE. The mirror, the proxies and what apt accepts are
# those of the machine's set-up; apt checks signatures as usual.
#
#	fetch trixie-backports DEBS ROOT linux-source-7.3 ...
#		puts the .deb files into DEBS, in the newest version of that suite, and
#		what is in them into ROOT; download leaves the latter out
#	suite_try trixie-backports depends linux-source 'linux-source-.*'
#		any command or function that calls apt; run a second time, with
#		fresh lists, if it fails
#	suite_apt trixie-backports apt-cache policy linux-source
#		the same, once, with the lists as they are
#
# A suite is known by its name (trixie, trixie-backports, sid); only its section
# main is used, and nothing of another suite is seen: what a package depends on
# has to be asked for where it is. All of this returns false if the suite or the
# package can't be had; to say what that means is up to the caller. Lists are
# fetched at the first use and again when a command fails, so nothing goes over
# the network as long as callers keep what they have downloaded.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# suite_mirror - the address of the Debian mirror that this machine uses
suite_mirror()
{
	local mirror

	# The dollar is apt's.
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' 'Component: main') || return
	[[ -n $mirror ]] && echo "${mirror%%$'\n'*}"
}

# suite_configure SUITE DIR - write apt's configuration for SUITE to DIR
suite_configure()
{
	local suite=$1 dir=$2 mirror keyring=

	if ! mirror=$(apt_try suite_mirror); then
		say "apt is not set up for a Debian mirror on this machine"
		return 1
	fi
	# Without either of these, use the keys that /etc/apt trusts.
	for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} ''; do
		[[ -r $keyring ]] && break
	done

	mkdir -p "$dir"/{lists,cache}
	: >"$dir/status"
	printf 'deb %s%s %s main\n' "${keyring:+[signed-by=$keyring] }" "$mirror" \
		"$suite" >"$dir/sources.list"
	{
		# Which indexes are fetched is the business of the machine's hooks.
		apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
		cat <<-END
		Acquire::GzipIndexes "true";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		END
		# apt's own user need not be able to read the cache of this one.
		((EUID)) || echo 'APT::Sandbox::User "root";'
	} >"$dir/apt.conf"
}

# suite_update SUITE - fetch its lists
suite_update()
{
	local dir=$CACHE/apt/$1

	say "fetching the package lists of Debian $1"
	rm -f "$dir/ready"
	suite_configure "$1" "$dir" || return
	# "any": half an update, or one that kept old lists, is a failure.
	APT_CONFIG=$dir/apt.conf apt-get -q --error-on=any update >&2 || return
	: >"$dir/ready"
}

# suite_apt SUITE COMMAND [ARG]... - run COMMAND with apt knowing SUITE only
suite_apt()
{
	local suite=$1 dir=$CACHE/apt/$1

	shift
	[[ -e $dir/ready ]] || with_lock "apt-$suite" suite_update "$suite" || return
	APT_CONFIG=$dir/apt.conf "$@"
}

# suite_try SUITE COMMAND [ARG]... - as suite_apt; if COMMAND fails, refresh the
# lists and run it once more
suite_try()
{
	local suite=$1

	[[ ! -e $CACHE/apt/$suite/ready ]] || ! suite_apt "$@" || return 0
	with_lock "apt-$suite" suite_update "$suite" && suite_apt "$@"
}

# other_suite SUITE - print it unless it is the machine's own suite, for which the machine's
# apt has the security updates, too
other_suite()
{
	grep -qsx "VERSION_CODENAME=$1" /etc/os-release || echo "$1"
}

# any_suite SUITE COMMAND [ARG]... - as suite_try; without SUITE, with the machine's apt
any_suite()
{
	if [[ -n $1 ]]; then
		suite_try "$@"
	else
		apt_try "${@:2}"
	fi
}

have_apt()
{
	have apt-get && have dpkg-deb
}

download_here()
(
	cd "$1" && apt-get -q download "${@:2}" >&2
)

# download SUITE DIR PACKAGE... - packages of SUITE, or without one from the machine's apt,
# into DIR
download()
{
	have_apt || return
	say "fetching ${*:3}"
	any_suite "$1" download_here "${@:2}"
}

# fetch SUITE DEBS ROOT PACKAGE... - download them into DEBS, and unpack them into ROOT
fetch()
{
	local deb

	mkdir -p "$2" "$3"
	download "$1" "$2" "${@:4}" || return
	for deb in "$2"/*.deb; do
		dpkg-deb -x "$deb" "$3" || return
	done
}
