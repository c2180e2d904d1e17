# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Lines that make a kernel's log bad, or do not, for scan.sh: "log bad|good NAME"
# with the lines on standard input; the boot banner and the power-off are put
# around them. "raw" is the same without these.

log good "nothing" <<'END'
[    1.0] scopex: serving CPUs 0-3
END
log bad "warning" <<'END'
[    1.0] ------------[ cut here ]------------
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
END
log good "expected warning" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] Call Trace:
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log good "two expected warnings" <<'END'
[    1.0] scopex_test: expect "ends the thread" and "open scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: item f ends the thread
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/exit.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: task t exits with the open scope s
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/exit.c:2 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log bad "the first one of two expected warnings, twice" <<'END'
[    1.0] scopex_test: expect "ends the thread" and "open scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: item f ends the thread
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/exit.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: item f ends the thread
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/exit.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log bad "one of two expected warnings" <<'END'
[    1.0] scopex_test: expect "ends the thread" and "open scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: item f ends the thread
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/exit.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log good "expected report" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] scopex: item f holds up CPU 0
[    1.0] Call Trace:
[    1.0] scopex_test: expected
END
log bad "expected report that does not come" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] scopex_test: expected
END
log bad "call trace before the expected report" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] Call Trace:
[    1.0] scopex: item f holds up CPU 0
[    1.0] scopex_test: expected
END
log bad "warning where a report is expected" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] scopex: item f holds up CPU 0
[    1.0] ------------[ cut here ]------------
[    1.0] WARNING: CPU: 1 PID: 83 at mm/slub.c:1 f+0x1/0x2
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log good "expected report that is a warning" <<'END'
[    1.0] scopex_test: expect report "planted"
[    1.0] WARNING: planted
[    1.0] Call Trace:
[    1.0] scopex_test: expected
END
log bad "lock order where a report is expected" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] scopex: item f holds up CPU 0
[    1.0] WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected
[    1.0] Call Trace:
[    1.0] scopex_test: expected
END
log bad "warning without a frame where a report is expected" <<'END'
[    1.0] scopex_test: expect report "holds up CPU"
[    1.0] scopex: item f holds up CPU 0
[    1.0] WARNING: something that no list names
[    1.0] Call Trace:
[    1.0] scopex_test: expected
END
log bad "lock order within an expected warning" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log good "expected warning, in lines that are printed twice" <<'END'
[    1.0] scopex_test: expect "clo
** replaying previous printk message **
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARN
** replaying previous printk message **
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log good "line that is printed twice, as it was to begin when the console was taken over" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
** replaying previous printk message **
[    1.0] scopex: serving
END
log bad "warning after a line that is printed twice" <<'END'
[    1.0] scopex: serving
** replaying previous printk message **
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
END
log bad "expected warning that does not come" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] scopex_test: expected
END
log bad "another warning than the expected one" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] WARNING: CPU: 1 PID: 83 at mm/slub.c:1 f+0x1/0x2
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log bad "two warnings where one is expected" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] ------------[ cut here ]------------
[    1.0] WARNING: CPU: 1 PID: 83 at mm/slub.c:1 f+0x1/0x2
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log bad "something worse within an expected warning" <<'END'
[    1.0] scopex_test: expect "closed scope"
[    1.0] ------------[ cut here ]------------
[    1.0] scopex: f submits g to a closed scope
[    1.0] WARNING: CPU: 1 PID: 83 at kmod/scope.c:1 f+0x1/0x2 [scopex]
[    1.0] BUG: KASAN: slab-use-after-free in f+0x1/0x2
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] scopex_test: expected
END
log bad "region that does not end" <<'END'
[    1.0] scopex_test: expect "closed scope"
END
log bad "KASAN" <<'END'
[    1.0] BUG: KASAN: stack-out-of-bounds in f+0x1/0x2 [scopex]
END
log bad "KCSAN" <<'END'
[    1.0] BUG: KCSAN: data-race in f / g
END
log bad "UBSAN" <<'END'
[    1.0] UBSAN: array-index-out-of-bounds in kmod/cpu.c:1:2
END
log bad "lockdep: circular" <<'END'
[    1.0] WARNING: possible circular locking dependency detected
END
log bad "lockdep: sleeping in atomic context" <<'END'
[    1.0] BUG: sleeping function called from invalid context at kmod/scope.c:1
END
log bad "RCU" <<'END'
[    1.0] WARNING: suspicious RCU usage
END
log bad "RCU stall" <<'END'
[   30.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
END
log bad "debug objects" <<'END'
[    1.0] ODEBUG: free active (active state 0) object: x object type: work_struct
END
log bad "kmemleak" <<'END'
[    9.0] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
END
log bad "hung task" <<'END'
[   90.0] INFO: task modprobe:99 blocked for more than 60 seconds.
END
log bad "soft lockup" <<'END'
[   30.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [scopex/1:90]
END
log bad "oops" <<'END'
[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000010
END
log bad "general protection fault" <<'END'
[    1.0] general protection fault, probably for non-canonical address 0x5a5a
END
log bad "list corruption" <<'END'
[    1.0] list_del corruption. prev->next should be x, but was y
END
log bad "slab left at unload" <<'END'
[    1.0] BUG x (Tainted: G O): Objects remaining in x on __kmem_cache_shutdown()
END
log bad "segfault in the VM" <<'END'
[    1.0] busybox[90]: segfault at 0 ip 0 sp 0 error 4 in busybox
END
log bad "hole in the log" <<'END'
[    1.0] ** 7 printk messages dropped **
END
log bad "lockdep gives up" <<'END'
[    1.0] INFO: trying to register non-static key.
[    1.0] turning off the locking correctness validator.
END
log bad "lockdep is turned off" <<'END'
[    1.0] Disabling lock debugging due to kernel taint
END
log bad "scope that is lost" <<'END'
[    1.0] scopex: sh:90 can't drain its scope: its items are on a dead stack
END
log bad "CPU without a worker" <<'END'
[    1.0] scopex: no worker for CPU 3: -12
END
log good "build that names a CPU without a worker" <<'END'
[    1.0] scopex_verity: /tmp/data: no worker on CPU 3: -19, at data block 128 of 1000
END
log bad "preemption count that leaks" <<'END'
[    1.0] note: scopex/1[90] exited with preempt_count 1
END
log bad "poison" <<'END'
[    1.0] BUG kmalloc-64 (Tainted: G O): Poison overwritten
END
log good "what the allow list is for" <<'END'
[    0.0] Kernel command line: console=x sysctl.kernel.panic_on_rcu_stall=1
[    0.1] MMIO Stale Data: WARNING: something of the processor
[    1.0] scopex: loading out-of-tree module taints kernel.
[    1.0] scopex: no worker for CPU 0: -EAGAIN
END
raw bad "empty" </dev/null
raw bad "VM that did not power off" <<'END'
[    0.0] Linux version 6.1.0 (x) #1 SMP
END
raw bad "kernel that goes on after its power-off" <<'END'
[    0.0] Linux version 6.1.0 (x) #1 SMP
[    9.0] reboot: Power down
[    9.1] x: did not stop
END
raw good "what is not the kernel's after the power-off" <<'END'
[    0.0] Linux version 6.1.0 (x) #1 SMP
[    9.0] reboot: Power down

qemu: terminating
END
raw bad "VM that booted twice" <<'END'
[    0.0] Linux version 6.1.0 (x) #1 SMP
[    0.0] Linux version 6.1.0 (x) #1 SMP
[    9.0] reboot: Power down
END
