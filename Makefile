# SPDX-License-Identifier: GPL-2.0
#
# The commands of scopex; "make help" lists them. Kbuild says what is built; the kernel's build
# system prefers it to this file.

COMMANDS := modules run try shell bench timeline top docs

.PHONY: $(COMMANDS) check install clean help

modules:

# Variables given on the command line reach the scripts as their environment.
$(COMMANDS):
	@qemu/$@.sh

check:
	@qemu/checks.sh

PREFIX ?= /usr/local
install:
	install -D -t $(DESTDIR)$(PREFIX)/bin kmod/tools/scopex-*

clean:
	@find . -name .git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '*.o.d' \
		-o -name modules.order -o -name Module.symvers \) -type f -exec rm -f {} +

help:
	@echo 'make                  the modules, for KDIR= or the running kernel'
	@echo 'make run              a real job in a VM: verity tree of FILE= (SALT=); JOB=echo'
	@echo 'make check            the tests, in a VM; TEST="api race" or WITHOUT="verity"'
	@echo 'make check WHAT="lint model"    other checks, one or more:'
	@echo '  tests matrix        with one kernel; with each one, or KERNELS="uml kasan"'
	@echo '  hazards harness     do tests fail without their rule (HAZARD=)? checks?'
	@echo '  mutants             do tests fail without a line? SAMPLE=, MUTANT=, LOCKS=1'
	@echo '  lint docs model     static checks (LINT=); make docs; herd7 (TEST=)'
	@echo '  builds debian       clang, in a tree (CASES=); minimal Debian (SUITES=)'
	@echo '  postmortem latency  a dump of a VM; how long interrupts are off (CASES=)'
	@echo '  ci all              what CI runs (40 min); everything (hours)'
	@echo 'make try M=DIR        your module; MODULE_PARAMS=, APPEND=, SCRIPT=FILE'
	@echo 'make shell            a shell in the VM, with the modules of M=DIR'
	@echo 'make bench            what it costs; LANES="path native shape hardware", OUT='
	@echo 'make timeline         a picture of a job, of M=DIR, of TRACE=FILE; OUT=, ARGS='
	@echo 'make top              scopex-top in the VM; TOP=--once'
	@echo 'make docs             the reference as HTML, in out/docs/'
	@echo 'make install, clean   the tools into PREFIX=; remove what make has built'
	@echo 'For VMs: KERNEL=NAME, or KERNEL_IMAGE=FILE KDIR=DIR [KERNEL_MODULES=DIR];'
	@echo 'CPUS=, TIMEOUT=, ACCEL=kvm|tcg, DUMP=FILE, PARAMS= (of scopex).'
	@echo 'Kernels: $(basename $(notdir $(wildcard qemu/kernels/*.conf)))'
	@echo 'Tests: commands tools $(basename $(notdir $(shell \
		sed -n "s/^TEST_PROGS.*= //p" selftests/Makefile)))' | fold -s -w 80
