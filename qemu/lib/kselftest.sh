# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Install selftests/ by means of the kernel's own kselftest files, which come
# from the distribution's package of the kernel's source. After select_kernel.

. "$(dirname "${BASH_SOURCE[0]}")/source.sh"

fetch_kselftest()
{
	fetch_source "$1" \
		'*/scripts/*.include' \
		'*/tools/testing/selftests/Makefile' \
		'*/tools/testing/selftests/*.mk' \
		'*/tools/testing/selftests/*.sh' \
		'*/tools/testing/selftests/kselftest' ||
		die "kselftest comes from the package $SOURCE_PACKAGE, which can't be had;" \
			"give KSELFTEST=DIR, a kernel's source tree"
}

# install_kselftest DIR - install the target "scopex", with kselftest's runner,
# into DIR/kselftest
install_kselftest()
{
	local dir=$1 source=${KSELFTEST:-} work

	if [[ -z $source ]]; then
		source=$CACHE/kselftest/$SOURCE_PACKAGE
		fetch_kselftest "$source"
	fi
	[[ -e $source/tools/testing/selftests/lib.mk ]] ||
		die "KSELFTEST=$source is not a kernel's source tree"

	work=$dir/source
	mkdir -p "$work/tools/testing/selftests" "$work/scripts"
	cp "$source"/scripts/*.include "$work/scripts/"
	(cd "$source/tools/testing/selftests" && cp -r ./*.mk ./*.sh Makefile \
		kselftest "$work/tools/testing/selftests/")
	cp -r "$ROOT/selftests" "$work/tools/testing/selftests/scopex"
	make -s -C "$work/tools/testing/selftests" TARGETS=scopex FORCE_TARGETS=1 \
		KSFT_INSTALL_PATH="$dir/kselftest" install >"$dir/install.log" 2>&1 || {
		cat "$dir/install.log" >&2
		die "kselftest could not install selftests/"
	}
	rm -r "$work" "$dir/install.log"
}
