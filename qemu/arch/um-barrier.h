/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Barriers of User-Mode Linux, in place of the kernel's arch/x86/um/asm/barrier.h
 *
 * The kernel's own header has mfence for each smp_load_acquire() and smp_store_release(), and
 * fences for reads and writes. No x86 kernel that runs on the hardware pays for these: the
 * processor keeps the order by itself, but for a load after a store. With them, times that
 * are measured in User-Mode Linux would speak of fences that users do not have.
 */
#ifndef _ASM_UM_BARRIER_H_
#define _ASM_UM_BARRIER_H_

#ifdef CONFIG_X86_32
#error "this is for 64 bits"
#endif

#define mb()		asm volatile("mfence" ::: "memory")
#define rmb()		asm volatile("lfence" ::: "memory")
#define wmb()		asm volatile("sfence" ::: "memory")

/* A locked instruction orders all of normal memory, in less time than mfence. */
#define __smp_mb()	asm volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc")
#define __smp_rmb()	barrier()
#define __smp_wmb()	barrier()

/* Atomic operations that return nothing are locked instructions, too. */
#define __smp_mb__before_atomic()	barrier()
#define __smp_mb__after_atomic()	barrier()

#define __smp_store_mb(var, value)	((void)xchg(&(var), value))

#define __smp_store_release(p, v)					\
do {									\
	compiletime_assert_atomic_type(*(p));				\
	barrier();							\
	WRITE_ONCE(*(p), v);						\
} while (0)

#define __smp_load_acquire(p)						\
({									\
	typeof(*(p)) __loaded = READ_ONCE(*(p));			\
									\
	compiletime_assert_atomic_type(*(p));				\
	barrier();							\
	__loaded;							\
})

#include <asm-generic/barrier.h>

#endif /* _ASM_UM_BARRIER_H_ */
