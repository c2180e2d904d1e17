# SPDX-License-Identifier: GPL-2.0
#
# The commands of scopex; "make help" lists them. What is built is said in
# Kbuild, which the kernel's build system prefers to this file.

COMMANDS := modules run check shell try top timeline check-matrix check-harness \
	check-hazards check-builds check-debian check-postmortem check-latency bench

.PHONY: $(COMMANDS) check-model lint install clean help

modules:

# Variables given on the command line reach the scripts as their environment.
$(COMMANDS):
	@qemu/$@.sh

check-model:
	@selftests/litmus/check-model.sh

lint:
	@selftests/lint.sh

PREFIX ?= /usr/local
install:
	install -D -t $(DESTDIR)$(PREFIX)/bin kmod/tools/scopex-*

clean:
	@find . -name .git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '*.o.d' \
		-o -name modules.order -o -name Module.symvers \) -type f -exec rm -f {} +

help:
	@echo 'make			build the modules for KDIR=, or the running kernel'
	@echo 'make run		the verity tree of FILE= (with SALT=) in a VM, checked by veritysetup'
	@echo 'make check		the tests, in a VM; TEST="api race" for some of them;'
	@echo '			STRESS_SECONDS=, STRESS_SEED= for the stress test'
	@echo 'make check-matrix	the same with every kernel in qemu/kernels/, or KERNELS="a b"'
	@echo 'make check-hazards	does each test fail when its rule is taken out? HAZARD=, PARALLEL='
	@echo 'make check-harness	do the checks see what they have to see? KERNELS='
	@echo 'make check-builds	with clang, and as a part of a kernel: does it build?'
	@echo 'make check-debian	the first commands on a minimal Debian, in chroots; SUITES=, TEST='
	@echo 'make check-postmortem	is it found in a dump what a VM hangs in?'
	@echo 'make check-latency	for how long are interrupts or preemption off? CASES=, STRESS=1'
	@echo 'make check-model	the protocol in the kernel memory model, by herd7'
	@echo 'make lint		checkpatch, sparse, W=1, kernel-doc, coccinelle, shellcheck'
	@echo 'make shell		a shell in the VM, with the modules of M=DIR; PARAMS= (of scopex)'
	@echo 'make top		scopex-top in the VM, which builds verity trees; TOP="--once"'
	@echo 'make try M=DIR		load your own module in the VM; PARAMS= (of scopex), MODULE_PARAMS=,'
	@echo '			APPEND= (to the kernel command line), SCRIPT=FILE (another job)'
	@echo 'make timeline		a picture of the verity job, of M=DIR, or of TRACE=FILE; OUT=,'
	@echo '			ARGS= (of scopex-timeline), PARAMS= (of scopex), BUFFER_KB='
	@echo 'make bench		what scopex costs, beside the other ways; LANES="path native shape",'
	@echo '			SHAPE_CPUS=, RECORD=1, OUT='
	@echo 'make install		the programs of kmod/tools/, into PREFIX= (/usr/local)'
	@echo 'make clean		remove what make has built in the tree'
	@echo
	@echo 'For a VM: KERNEL=NAME, or for a kernel of your own KERNEL_IMAGE=FILE'
	@echo 'KDIR=DIR [KERNEL_MODULES=DIR]; CPUS=, TIMEOUT= (seconds), ACCEL=kvm|tcg,'
	@echo 'DUMP=FILE (its memory, if it hangs).'
	@echo 'Known kernels: $(basename $(notdir $(wildcard qemu/kernels/*.conf)))'
	@echo 'Known tests: commands tools $(basename $(notdir $(shell sed -n "s/^TEST_PROGS.*= //p" selftests/Makefile)))'
