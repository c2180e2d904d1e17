/* SPDX-License-Identifier: GPL-2.0 */
/* For spatch's --macro-file-builtins: what does not look like C. Not included. */

/* Blocks. */
#define scopex_block(s, options)	YACFE_ITERATOR
#define scopex_scope(s, ...)		scopex_block(s, 0)
#define scopex_coroutine(task)		YACFE_ITERATOR
#define scoped_guard(name, ...)		YACFE_ITERATOR

/* Strings. */
#define KBUILD_MODNAME			YACFE_STRING

/* Attributes. */
#define __acquires(lock)
#define __aligned(size)
#define __always_inline
#define __bitwise
#define __exit
#define __exitdata
#define __force
#define __init
#define __initdata
#define __iomem
#define __maybe_unused
#define __must_check
#define __must_hold(lock)
#define __packed
#define __percpu
#define __printf(fmt, args)
#define __rcu
#define __read_mostly
#define __releases(lock)
#define __scopex_uninitialized
#define __user
#define asmlinkage
#define noinline
#define notrace
#define ____cacheline_aligned
#define ____cacheline_aligned_in_smp

/* Calls with fields of a structure as arguments. */
#define scopex_run(body, arg, ...)			__scopex_run(body, arg)
#define scopex_for(start, nr, fn, ...)			__scopex_for(start, nr, fn)
#define scopex_reduce(start, nr, fn, how, to, ...)	__scopex_for(start, nr, fn)

/* kmod/compat/ */
#define SCOPEX_EXIT_PROBE(name)		void name(void *data, struct task_struct *task)
