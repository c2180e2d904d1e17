#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=lint: static checks of the whole tree
#
# A check fails if it prints a remark that lint.allow does not accept.
#
#	LINT=		the checks to run, as "checkpatch sparse" (default: all)
#	LINUX_SOURCE=	a kernel's source tree, for its scripts/ (default: parts of
#			the distribution's package)
#
# The modules are built for the kernel that the environment chooses: see
# qemu/lib/kernel.sh.

. "$(dirname "$0")/../qemu/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/scripts.sh"

# spatch runs the python3 that it finds first, which has to be the system's.
PATH=/usr/bin:/bin:$PATH

CHECKS="checkpatch raw-names prose long-files arch-names kernel-doc interface commands warnings
	layers readme-code sparse coccinelle-parses coccinelle scopex.cocci scopex.cocci-tests
	shellcheck drgn-fields mutants indexes lint.allow"

ALLOW=$ROOT/selftests/lint.allow
MACROS=$ROOT/selftests/coccinelle/macros.h

# Coccinelle checks of the kernel that are left out: those about hardware, which scopex does
# not touch, and those that need an OCaml compiler.
NOT_OURS='api/(check_bq27xxx_data|device_attr_show|platform_.*|pm_runtime)
free/(clk_put|devm_free|ifnulldev_put|iounmap|pci_free_consistent|put_device)
iterators/(device_node_continue|for_each_child)
misc/(irqf_oneshot|of_table)
null/badzero'

# need PROGRAM - fail the check without it; need_tools has installed what apt has
need()
{
	have "$1" || {
		echo "$1 is missing"
		return 1
	}
}

# unexpected CHECK - print the remarks on standard input, which are FILE:LINE: TEXT, that
# lint.allow does not accept
unexpected()
{
	sed "s|^$ROOT/||" | awk -F '\t' -v check="$1" -v used="$work/used" '
	NR == FNR && /^(#|$)/ { next }
	NR == FNR && $1 == check { allowed[$2] }
	NR == FNR { next }
	{
		remark = $0
		sub(/:[0-9]+(:[-0-9]+)?:/, ":", remark)
		for (regex in allowed)
			if (remark ~ "^(" regex ")$") {
				print check "\t" regex >>used
				next
			}
		print
	}' "$ALLOW" -
}

# c_files - our code, the lab's own included
c_files()
{
	find "$ROOT/include" "$ROOT/kmod" "$ROOT/qemu" "$ROOT/selftests" -name '*.[ch]' ! -name '*.mod.c' | sort
}

check_checkpatch()
{
	# A status that is not 0 says that there are remarks.
	(cd "$ROOT" && c_files | sed "s|^$ROOT/||" |
		xargs -P "$(nproc)" -n 8 perl "$SCRIPTS/checkpatch.pl" --no-tree --strict --terse \
		--show-types --no-summary -f 2>&1 || true) |
		unexpected checkpatch
}

# raw_names FILE... - print where code logs a name that a user has chosen without
# scopex_name() or scopex_comm()
raw_names()
{
	perl -0777 -ne '
	while (/\b(pr_[a-z_]+|WARN[A-Z_]*|panic|scopex_misuse|scnprintf)(\(.*?\);)/gs) {
		my ($end, $call) = (pos, $2);
		$call =~ s/\bscopex_(name|comm)\([^()]*\)//g;
		next if $call !~ /((->|\.)(name|func|file|comm))\b/;
		print "$ARGV:", substr($_, 0, $end) =~ tr/\n// + 1, ": $1 is logged as it is\n";
	}' "$@"
}

check_raw_names()
{
	local plant=$work/plant.c

	printf 'pr_warn("%%s of %%s\\n", scopex_name(site->name),\n\tsite->func);\n' >"$plant"
	[[ $(raw_names "$plant") == "$plant:2: ->func is logged as it is" ]] ||
		echo "does not find a name that is logged as it is"
	raw_names "$ROOT"/kmod/*.[ch] | unexpected raw-names
}

# prose FILE... - what comments and documents say in words that do not name the actor of a
# sentence, or that have a word of their own in the glossary; and letters for barriers
prose()
{
	perl -0777 -ne '
	my $c = qr{"(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])+\x27|
		(/\*.*?\*/|(?://[^\n]*\n?[ \t]*)+)}sx;
	my $sh = qr{(?:^|(?<=\s))((?:\#[^\n]*\n?[ \t]*)+)}m;
	my $py = qr{(?|(""".*?""")|$sh)}ms;
	my $head = qr{^(?!Expect:|Run:|Variant:)([A-Z][\w ]*:[^\n]*(?:\n[ ]{2}[^\n]*)*)}m;
	my $comment = $ARGV =~ /\.(mod\.c|mod)$/ ? next :
		$ARGV =~ /\.(c|h|cocci)$/ ? $c :
		$ARGV =~ /\.md$|Kconfig$/ ? qr{(.+)}s :
		$ARGV =~ /\.litmus$/ ? qr{(\(\*.*?\*\))}s :
		$ARGV =~ /\.(twins|mutant)$/ ? $head :
		$ARGV =~ /\.py$/ || /^#!.*python/ ? $py :
		$ARGV =~ /\.(sh|awk|conf)$|Makefile$|Kbuild$/ || /^#!/ ? $sh : next;
	my $gap = qr{[\s*#/]+};
	my $words = qr{
		(?<!["`:])\b[Ww]ho(ever)?\b(?!["`=]) | \bis${gap}none\b | \b[Mm]eanwhile\b |
		\b[Ll]ikewise\b | \bas${gap}ever\b | \bwhich${gap}see\b |
		\b(is|are|was|were|be)${gap}out\b(?!-|${gap}of\b) |
		\b([Bb]arriers?|Release|Acquire)${gap}[A-Z]\b | \([A-Z]\) |
		\bsee${gap}[A-Z]${gap}in\b
	}x;
	my %said;
	while (/$comment/g) {
		my ($from, $text) = ($-[1], $1);
		next if !defined $text;
		while ($text =~ /$words/g) {
			my $line = 1 + (substr($_, 0, $from + $-[0]) =~ tr/\n//);
			next if $said{$line}++;
			my ($all) = (split /\n/)[$line - 1] =~ /^\s*(.*)/;
			print "$ARGV:$line: $all\n";
		}
	}' "$@"
}

check_prose()
{
	local plant=$work/prose files n

	mkdir "$plant"
	printf '/* Who\n * waits? */\nint who = "which see";\t/* Release A: is\n * out. */\n' \
		>"$plant/plant.c"
	printf '# It is\n# none.\nas ever\n' >"$plant/plant.sh"
	printf 'Rule: one\n  likewise\nExpect: who\n\n who\n' >"$plant/plant.mutant"
	printf '"""Meanwhile"""\nwho = 1\n' >"$plant/plant.py"
	n=$(prose "$plant"/plant.* | cut -d : -f 2 | xargs)
	[[ $n == "1 3 2 1 1" ]] || echo "finds other lines than it has to: $n"

	mapfile -t files < <(cd "$ROOT" && find .ci Makefile README.md include kmod qemu selftests \
		-type f ! -name '*.svg' | sort)
	(cd "$ROOT" && prose "${files[@]}") | unexpected prose
}

# long_files FILE... - print which have more than 600 lines
long_files()
{
	awk 'FNR == 601 { print FILENAME ":601: longer than 600 lines" }' "$@"
}

# A picture is written by a tool, and read by none but browsers.
check_long_files()
{
	local plant=$work/long files

	seq 600 >"$plant.1"
	seq 601 >"$plant.2"
	[[ $(long_files "$plant".?) == "$plant.2:601: longer than 600 lines" ]] ||
		echo "does not find a file that is too long"
	mapfile -t files < <(cd "$ROOT" && find .ci Makefile README.md include kmod qemu selftests \
		-type f ! -name '*.svg' ! -name '*.mod.c' | sort)
	(cd "$ROOT" && long_files "${files[@]}") | unexpected long-files
}

# arch_names DIR - print where the tree DIR, outside qemu/arch/, names one architecture
arch_names()
{
	local conf regex=

	for conf in "$ROOT"/qemu/arch/*.conf; do
		regex+="${regex:+|}$(load_arch "$(basename "$conf" .conf)" && echo "$NAMES")"
	done
	(cd "$1" && grep -rInoE --exclude-dir=arch --exclude='*.svg' "$regex" Makefile .ci qemu selftests |
		sed 's|\(:[0-9]*\):\(.*\)|\1: \2 is for qemu/arch/ to say|') || true
}

# arch_plants NAME - words of this architecture, which must be found elsewhere
arch_plants()
(
	load_arch "$1"
	printf '%s\n' "$TREE" "$CONSOLE"
	[[ $MACHINE != qemu ]] ||
		printf '%s\n' "$ARCH" "$DEB_ARCH" "$IMAGE" "$QEMU_PROGRAM" "$QEMU_DISK" "$PROBE_DRIVE"
)

check_arch_names()
{
	local plant=$work/arch-names conf name

	mkdir -p "$plant"/{.ci,qemu/arch,selftests}
	touch "$plant/Makefile"
	for conf in "$ROOT"/qemu/arch/*.conf; do
		for name in $(arch_plants "$(basename "$conf" .conf)"); do
			echo "$name" | tee "$plant/qemu/arch/own" >"$plant/qemu/plant"
			[[ $(arch_names "$plant") == "qemu/plant:1: "* ]] ||
				echo "does not find $name, of ${conf##*/}"
		done
	done
	arch_names "$ROOT" | unexpected arch-names
}

# Every public name needs a description: those that the headers declare without leading
# underscores, and the exported ones.
check_kernel_doc()
{
	local files name names

	mapfile -t files < <(c_files)
	perl "$SCRIPTS/kernel-doc" -none -v "${files[@]}" 2>&1 |
		grep -vE '^(.*: )?info: Scanning doc for |^[0-9]+ warnings$' |
		unexpected kernel-doc

	names=$(
		sed -n 's/^EXPORT_SYMBOL\(_GPL\)\?(\(.*\));/\2/p' "${files[@]}"
		sed -nE -e 's/^#define (scopex_[a-z_]+)\(.*/\1/p' \
			-e 's/^(static inline )?[a-z].*[ *](scopex_[a-z_]+)\(.*/\2/p' \
			-e 's/^(scopex_[a-z_]+)\(.*/\1/p' "$ROOT"/include/linux/scopex*.h
	)
	while read -r name; do
		grep -Eqs "^ \* $name\(\) - " "${files[@]}" ||
			echo "$name() has no kernel-doc comment"
	done < <(sort -u <<<"$names")
}

# interface DIR - what others may rely on, one a line: exported symbols, parameters of modules,
# and commands
interface()
{
	local file module

	grep -rhoP --include='*.c' '^EXPORT_SYMBOL(_GPL)?\(\K[^)]*' "$1/kmod" | sed 's/^/symbol /'
	grep -rHoP --include='*.c' '^module_param(_array|_named|_cb)?\(\K\w+' "$1/kmod" |
		while IFS=: read -r file name; do
			module=$(basename "$(dirname "$file")")
			echo "parameter scopex${module/#kmod/}.$name" |
				sed -E 's/scopex(bench|echo|test|verity)s?\./scopex_\1./'
		done
	# shellcheck disable=SC2016 # make's
	sed -n 's/^COMMANDS := /command /p; s/^\.PHONY: \$(COMMANDS) /command /p' "$1/Makefile" |
		awk '{ for (i = 2; i <= NF; i++) print "command make " $i }'
	sed -n 's/^CHECKS="\(.*\)"$/\1 ci all/p' "$1/qemu/checks.sh" |
		awk '{ for (i = 1; i <= NF; i++) print "command make check WHAT=" $i }'
}

# interface_changes DIR - what of the tree's interface is not in its list, and the other way round
interface_changes()
{
	diff <(grep -v '^#' "$1/selftests/interface.txt" | LC_ALL=C sort) \
		<(interface "$1" | LC_ALL=C sort -u) |
		sed -n -e 's/^> /not in selftests\/interface.txt: /p' \
			-e 's/^< /in selftests\/interface.txt, but not there: /p'
}

check_interface()
{
	local plant=$work/interface kind

	interface "$ROOT" >"$work/names"
	for kind in symbol parameter 'command make' 'command make check WHAT='; do
		grep -q "^$kind" "$work/names" || echo "finds no $kind"
	done

	mkdir -p "$plant"/{qemu,selftests}
	cp -r "$ROOT/kmod" "$ROOT/Makefile" "$plant/"
	cp "$ROOT/qemu/checks.sh" "$plant/qemu/"
	cp "$ROOT/selftests/interface.txt" "$plant/selftests/"
	echo 'EXPORT_SYMBOL_GPL(planted);' >"$plant/kmod/plant.c"
	tail -n 1 "$ROOT/selftests/interface.txt" >>"$plant/selftests/interface.txt"
	[[ $(interface_changes "$plant" | sed 's/: symbol .*//' | xargs) == \
			"not in selftests/interface.txt in selftests/interface.txt, but not there" ]] ||
		echo "does not find a symbol that is not in the list, and one that is twice"
	interface_changes "$ROOT"
}

# Does each command exist that documents, and comments of scripts, name?
check_commands()
{
	local plant=$work/commands n

	mkdir -p "$plant/selftests"
	cp "$ROOT/selftests/interface.txt" "$plant/selftests/"
	# shellcheck disable=SC2016 # a document's
	printf '%s\n' 'Not `make it`, but to make it, or `make check' 'WHAT=non`, or' \
		'    make check-it TEST=api' '    make run' >"$plant/a.md"
	printf '%s\n' '# make checks: all' '# make one of "make' '# lnt"' 'x "make it"' >"$plant/b.sh"
	printf '%s\n' 'WHAT="lint modell"' >"$plant/c.txt"
	n=$("$ROOT/selftests/commands.sh" "$plant" | cut -d : -f 1,2 | xargs)
	[[ $n == "a.md:1 a.md:2 a.md:3 b.sh:1 b.sh:2 c.txt:1" ]] ||
		echo "finds other lines than it has to: $n"
	"$ROOT/selftests/commands.sh" "$ROOT" | unexpected commands
}

# Does the script for drgn read what the structures have?
check_drgn_fields()
{
	need python3 || return
	"$ROOT/selftests/drgn-fields.py" "$ROOT" | unexpected drgn-fields
}

# lint_build VARIANT [ARG]... - build VARIANT with warnings, and print what is said about that
#
# An object with warnings must not count as up to date the next time.
lint_build()
{
	local dir log=$work/build

	dir=$(stage_dir "lint-$1")
	kbuild_scopex "$1" "$dir" W=1 KCFLAGS=-Werror "${@:2}" >"$log" 2>&1 &&
		[[ ! -s $log ]] && return
	grep -Ev '^make(\[[0-9]+\])?: ' "$log" | sed "s|$dir/|$ROOT/|g"
	rm -rf "$dir"
	echo "the variant $1 is not clean"
}

# build_check CHECK [ARG]... - for both variants
build_check()
{
	local variant

	for variant in release inject; do
		with_lock "lint-$KERNEL_ID-$TREE_KEY" lint_build "$variant" "${@:2}"
	done | unexpected "$1"
}

check_warnings()
{
	build_check warnings
}

# The variant with injection has all files. To see that a violation is found, the order of
# the layers is turned round, and files are given an #include too many.
check_layers()
{
	local objects layers=$ROOT/kmod/layers.txt plant=$work/layers line

	build_check warnings
	mapfile -t objects < <(find "$(stage_dir lint-inject)/kmod" \
		-maxdepth 1 -name '*.o' ! -name 'scopex.o' ! -name 'scopex.mod.o')
	"$ROOT/selftests/layers.sh" "$layers" "$ROOT/kmod" "${objects[@]}"

	tac "$layers" >"$work/upside-down"
	"$ROOT/selftests/layers.sh" "$work/upside-down" "$ROOT/kmod" "${objects[@]}" |
		grep -q ' uses .* which is not below it' || echo "calls upwards are not found"

	mkdir "$plant"
	cp -r "$ROOT/kmod" "$ROOT/include" "$plant/"
	echo '#include "worker.h"' >>"$plant/kmod/state.h"
	echo '#include "deadline.h"' >>"$plant/kmod/submit.c"
	echo >"$plant/kmod/plant.c"
	sed -i 's/^cpu$/& no_file/' "$plant/kmod/layers.txt"
	"$ROOT/selftests/layers.sh" "$plant/kmod/layers.txt" "$plant/kmod" "${objects[@]}" \
		>"$work/planted"
	for line in 'plant.c has no object' 'layers.txt does not say where plant.c is' \
		'layers.txt names no_file, which is no file' \
		'state.h includes worker.h, of which it has no name' \
		'state.h includes worker.h, which is not below it' \
		'submit.c includes deadline.h, of which it has no name'; do
		grep -Fqx "$line" "$work/planted" || echo "does not find: $line"
	done
	[[ $(wc -l <"$work/planted") == 6 ]] || cat "$work/planted"
}

# readme_code DIR - the C of all README.md files, in files there, whose names are printed
readme_code()
{
	mkdir -p "$1"
	(cd "$ROOT" && find . \( -name .git -o -path ./out \) -prune -o -name README.md -print |
		sed 's|^\./||' | sort | xargs awk -v out="$1" -f selftests/readme-code.awk)
}

# compile_readmes DIR - what is said of the files there; those that are no modules are made some
compile_readmes()
{
	cp "$ROOT/selftests/prelude.h" "$1/"
	(cd "$1" && printf 'obj-m += %s\n' *.c | sed 's/c$/o/') >"$1/Kbuild"
	{
		kbuild "$1" KBUILD_EXTRA_SYMBOLS="$STAGE/Module.symvers" \
			KCPPFLAGS="-I$STAGE/include" \
			KCFLAGS="-Werror -Wno-unused-function -Wno-unused-variable" 2>&1 ||
			echo "what is in ${1##*/} does not compile"
	} | grep -Ev '^make(\[[0-9]+\])?: ' | sed "s|$1/||"
}

check_readme_code()
{
	local plant=$work/plant

	readme_code "$work/readme-code" >"$work/files"
	[[ -s $work/files ]] || echo "no C in any README.md"
	build_scopex release
	compile_readmes "$work/readme-code"
	# One that does not compile has to be seen.
	mkdir "$plant"
	printf '%s\n' '```c' 'static int f(void)' '{' $'\treturn no_such_thing;' '}' '' \
		'err = f();' '```' >"$plant/README.md"
	awk -v out="$plant" -f "$ROOT/selftests/readme-code.awk" "$plant/README.md" >/dev/null
	compile_readmes "$plant" | grep -q no_such_thing ||
		echo "does not see that a fragment does not compile"
}

# It looks at all files each time; what the check "warnings" has compiled is not compiled again.
check_sparse()
{
	need sparse || return
	build_check sparse C=2
}

# spatch passes over functions that it can't parse without a word.
check_coccinelle_parses()
{
	local file

	need spatch || return
	for file in $(c_files | grep '\.c$'); do
		spatch --parse-c --macro-file-builtins "$MACROS" "$file" \
			>"$work/parse" 2>&1 && grep -q 'nb bad = 0 ' "$work/parse" ||
			grep -E '^(bad|BAD)' "$work/parse" | sed "s|^|$file:0: |" ||
			echo "$file:0: can't be parsed"
	done | unexpected coccinelle-parses
}

# stock_check FILE - run one of the kernel's, with the options that it asks for
stock_check()
{
	local log options

	log=$(mktemp "$work/spatch.XXXXXX")
	read -ra options < <(sed -n 's|^// *Options: *||p' "$1" | head -n 1) || true
	timeout 300 spatch -D report --no-show-diff --very-quiet \
		--cocci-file "$1" "${options[@]}" --macro-file-builtins "$MACROS" \
		-I "$ROOT/include" --dir "$ROOT" --ignore "$ROOT/selftests" 2>"$log" ||
		{ cat "$log"; echo "$1: spatch failed"; }
	rm "$log"
}

check_coccinelle()
{
	need spatch || return
	export -f stock_check
	export work MACROS ROOT
	find "$SCRIPTS/coccinelle" -name '*.cocci' | sort |
		grep -vE "/(${NOT_OURS//$'\n'/|})\.cocci$" >"$work/stock" || return
	xargs -P "$(nproc)" -I{} bash -c 'stock_check {}' <"$work/stock" | unexpected coccinelle
}

check_scopex_cocci()
{
	need spatch || return
	readme_code "$work/README" >"$work/files"
	{
		find "$ROOT/kmod" "$ROOT/include" "$ROOT/qemu" -name '*.[ch]' ! -name '*.mod.c'
		cat "$work/files"
	} | xargs ls -S | xargs "$ROOT/selftests/coccinelle/apply.sh" | unexpected scopex.cocci
}

check_scopex_cocci_tests()
{
	need spatch || return
	"$ROOT/selftests/coccinelle/check.sh"
}

check_shellcheck()
{
	local scripts

	need shellcheck || return
	mapfile -t scripts < <(
		cd "$ROOT" && find .ci qemu selftests -type f \( -name '*.sh' -o -path '*/arch/*.conf' -o \
			-exec sh -c 'head -n 1 "$1" | grep -q "^#!.*sh$"' sh {} \; \) \
			-print | sort
	)
	(cd "$ROOT" && shellcheck -x -f gcc "${scripts[@]}" 2>&1 || true) |
		unexpected shellcheck
}

# refuses REGEX - is the mutant on standard input refused, with a line like that?
refuses()
{
	local plant=$work/plant.mutant

	cat >"$plant"
	if "$ROOT/selftests/mutate.py" --check "$ROOT" "$plant" >"$work/plant.log"; then
		echo "a mutant is accepted, not refused with: $1"
	elif [[ ! $(<"$work/plant.log") =~ ^"$plant: "$1$ ]]; then
		echo "expected: $1; got: $(<"$work/plant.log")"
	fi
}

# Does each mutant still fit the code, and each that no test notices? Whether a test notices
# it, check-hazards.sh and check-mutants.sh say.
check_mutants()
{
	need python3 || return
	"$ROOT/selftests/mutate.py" --check "$ROOT" "$ROOT"/selftests/hazards/*.mutant
	"$ROOT/selftests/campaign.py" check "$ROOT"
	printf '\n@@ no_such()\n-\treturn;\n' |
		refuses '@@ no_such\(\): there is no such definition'
	printf '\n@@ scopex_init()\n-\tno_such();\n' |
		refuses '@@ scopex_init\(\): fits in 0 places, not in one: .*'
	printf '\n@@ scopex_init()\n-;\n+;;\n' |
		refuses '@@ scopex_init\(\): fits in [1-9][0-9]+ places, not in one: ;'
	printf '\n@@ scopex_init()\n static int __init scopex_init(void)\n' |
		refuses 'changes nothing'
}

# Do the READMEs of hazards and litmus tests say what is there?
check_indexes()
{
	local plant=$work/indexes

	need python3 || return
	"$ROOT/selftests/index.py" --check

	mkdir -p "$plant/selftests"
	cp -r "$ROOT/kmod" "$ROOT/include" "$plant/"
	cp -r "$ROOT"/selftests/{hazards,litmus,*.py} "$plant/selftests/"
	rm "$plant/selftests/hazards/02-no-rcu-around-the-wakeup.mutant" \
		"$plant/selftests/litmus/put-drain.twins"
	[[ $("$plant/selftests/index.py" --check) == \
			*"hazard 2 has no mutant"*"not up to date"* ]] ||
		echo "does not find a README that is not up to date"
}

# Counts only the remarks of checks that were run.
check_lint_allow()
{
	awk -F '\t' -v checks=" ${checks[*]} " '
	FILENAME == ARGV[1] { used[$1, $2]++; next }
	/^(#|$)/ { next }
	NF != 4 || $3 !~ /^[1-9][0-9]*$/ || !$4 {
		print "not CHECK, REGEX, NUMBER, REASON: " $0
		next
	}
	index(checks, " " $1 " ") && used[$1, $2] != $3 {
		print used[$1, $2] + 0 " remarks are like this: " $0
	}' "$work/used" "$ALLOW"
}

# check NAME - one result
check()
{
	local name=$1 function

	function=check_${name//[-.]/_}
	if "$function" >"$work/out" 2>"$work/err" && [[ ! -s $work/out ]]; then
		ktap_ok "$name"
	else
		ktap_msg "$(cat "$work/err" "$work/out")"
		ktap_not_ok "$name"
	fi
}

read -rd '' -a known <<<"$CHECKS" || true
read -rd '' -a checks <<<"${LINT:-$CHECKS}" || true
for name in "${checks[@]}"; do
	[[ " ${known[*]} " == *" $name "* ]] ||
		die "unknown LINT=$name; known: ${known[*]}"
done
select_kernel perl:perl
for name in sparse:sparse spatch:coccinelle shellcheck:shellcheck; do
	# Without one, the others are run all the same.
	(need_tools "$name") || true
done
need_scripts
work=$(mktemp -d "$CACHE/lint.XXXXXX")
on_exit rm -rf "$work"
: >"$work/used"

for name in "${checks[@]}"; do
	check "$name"
done
conclude "make check WHAT=lint"
