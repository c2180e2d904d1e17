# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Loads and unloads modules, for the suites and for all that runs in the VM, where this is
# /load.sh. "failed" is 1 if anything of that has failed. POSIX, for busybox ash.

failed=0

# unknown_parameters MODULE - of how many that it was given the kernel has said that: it loads
# the module all the same, and only logs them
unknown_parameters()
{
	dmesg | grep -c "$1: unknown parameter"
}

# insert MODULE [PARAMETER]... - load it, by its name or from a file
insert()
{
	load_command=modprobe
	case $1 in
	*/*) load_command=insmod ;;
	esac
	load_module=$(basename "$1" .ko)
	load_unknown=$(unknown_parameters "$load_module")
	echo "# $load_command $*"
	"$load_command" "$@" && return
	echo "# $load_command $* failed"
	failed=1
	return 1
}

# knows_parameters - has the module of the last insert() all the parameters that it was given?
knows_parameters()
{
	[ "$(unknown_parameters "$load_module")" -gt "$load_unknown" ] || return 0
	dmesg | grep "$load_module: unknown parameter" | tail -n 1 | sed 's/^/# /'
	failed=1
	return 1
}

# load MODULE [PARAMETER]...
load()
{
	insert "$@" && knows_parameters
}

module_loaded()
{
	grep -q "^$1 " /proc/modules
}

# unload MODULE... - in this order
unload()
{
	for load_gone in "$@"; do
		echo "# rmmod $load_gone"
		rmmod "$load_gone" && ! module_loaded "$load_gone" && continue
		echo "# rmmod $load_gone failed"
		failed=1
		return 1
	done
}

# others [KEPT] - the modules that are not the kernel's own, but KEPT, and how many use each
others()
{
	awk -v kept="${1:-}" '$7 ~ /O/ && $1 != kept { print $1, $3 }' /proc/modules
}

# unload_all [KEPT] - all modules that are not the kernel's own, but KEPT; each before the
# modules that it needs. The last line says what has failed.
unload_all()
{
	while load_modules=$(others "$@" | sed -n 's/ 0$//p') && [ "$load_modules" ]; do
		# shellcheck disable=SC2086 # words
		unload $load_modules || return 1
	done
	load_modules=$(others "$@" | sed 's/ .*//' | tr '\n' ' ')
	[ "$load_modules" ] || return 0
	echo "# still in use: $load_modules"
	failed=1
	return 1
}
