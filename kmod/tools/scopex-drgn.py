#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0
"""
Post mortem: what scopex was doing in a kernel that hangs, from a dump of it or, as
root, from the running one

    drgn -c vmcore -s vmlinux -s scopex.ko kmod/tools/scopex-drgn.py [OPTION]...
    drgn [-s vmlinux] -s scopex.ko kmod/tools/scopex-drgn.py [OPTION]...

      --json       all of it, for scripts
      --no-stacks  without the kernel stacks of owners and workers
      --max N      the most items, scopes or workers that a list is believed to have
                   (default: 100000)

vmlinux and scopex.ko have to be those of that kernel, with debug information. A user's
module may be given in the same way; if it is not, its functions are named, too, where
the kernel keeps the names of symbols (CONFIG_KALLSYMS).

It shows what debugfs.c shows, but can take no lock. So it believes nothing: it shows what it
can, and reports at the end what it could not read, or what can't be true. In a running
kernel, that may just have changed while the script was reading.

Needs drgn 0.0.22, Debian 12's, for kernels up to 6.3, and a newer one for newer ones.
0.0.22 reads dumps by QEMU only with DRGN_USE_LIBKDUMPFILE_FOR_ELF=1 in the environment,
and has no stack of what was running then; 0.0.31 does both.
"""

import argparse
import errno
import json
import os
import re
import sys

try:
    import drgn
    from drgn.helpers.linux.cpumask import for_each_online_cpu, for_each_possible_cpu
    from drgn.helpers.linux.percpu import per_cpu
    from drgn.helpers.linux.sched import task_state_to_char
except ImportError as err:
    sys.exit(f"scopex-drgn: {err}; run this by drgn (Debian: python3-drgn)")

# What reading a kernel that is broken, or another one than expected, ends in.
ERRORS = (
    drgn.FaultError,
    drgn.ObjectAbsentError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def bit(number):
    return 1 << number


# As in the code, where most of these are macros, which debug information lacks: X is SCOPEX_X,
# and _X is __SCOPEX_X. The first ones are of scopex_scope.state, see state.h.
WAITING = bit(0)
ONE = bit(1)
COUNT_MASK = 0xFFFFFFFE
UNLISTED = bit(32)
CANCELLED = bit(33)
SERIAL = bit(34)
_JOINABLE = bit(35)
LIMITED = bit(36)
DETACHED = bit(37)
CPU_LIMITED = bit(38)
WALK = bit(39)
KIND_MASK = 0xFFFFF00000000000
OPEN = 0
CLOSED = 0xDEAD500000000000
REFUSED = 0x0BAD500000000000
ADDRESS_SHIFT = 41
KINDS = {OPEN: "open", CLOSED: "closed", REFUSED: "refused"}
# Of scopex_scope.flags.
FAIL_FAST = bit(0)
KILLABLE = bit(1)
_HIDDEN = bit(5)
_TIMED = bit(7)
# Of scopex_work.status, and of scopex_work.scope.
WORK_BUSY = 0x5C0A6000
WORK_CODE = 0xFFF
MARK = bit(0)
# The end of a chain, as NULL is one.
PARKED = 1
# A larger link, up to this, is that of an array: see queue.h.
STRIDE_MAX = 4095
# Larger values of the word of stealable items are chains.
MOVING = 2
# Of scopex_task.state.
TASK_NEW = 0
TASK_QUEUED = 1
TASK_RUNNING = 2
TASK_NOTIFIED = 3
TASK_WAITING = 4
TASK_COMPLETED = 5
TASK_STATES = {
    TASK_NEW: "new",
    TASK_QUEUED: "queued",
    TASK_RUNNING: "running",
    TASK_NOTIFIED: "notified",
    TASK_WAITING: "waiting",
    TASK_COMPLETED: "completed",
}

# All that is read of scopex. "make check WHAT=lint" compares it, and the numbers above, with
# the code.
FIELDS = {
    "scopex_await": "ops",
    "scopex_await_ops": "name",
    "scopex_bucket": "scopes",
    "scopex_config": "standby workers stall_ms nice",
    "scopex_cpu": (
        "any dead left_by left_rest offer open queue refused shared spare stalls standby workers"
    ),
    "scopex_custom_scope": "deadline expired joined limit limit_per_cpu running scope waiting",
    "scopex_detached": "fn scope",
    "scopex_loop": "claimed count fn offer scope",
    "scopex_scope": "children error flags node outer own owner parent since site state tasks",
    "scopex_site": "file func line name",
    "scopex_task": "at await fn node since state work",
    "scopex_work": "fn node scope status",
    "scopex_worker": (
        "active count deferred fn innermost nested next reserved rest scope site "
        "stall_ended stall_since standby task turn"
    ),
}

# 0.0.22's own reader finds no page tables in dumps that have physical addresses only.
LIBKDUMPFILE = "DRGN_USE_LIBKDUMPFILE_FOR_ELF"


class Unusable(Exception):
    """There is nothing to be shown, for a reason that the user has to hear."""


def plain(string):
    """The string with all but printable ASCII escaped: users choose names, and a terminal
    obeys some characters."""
    return re.sub(r"[^ -~]", lambda char: char[0].encode("unicode_escape").decode(), string)


def text(string):
    return string.string_().decode(errors="backslashreplace")


def hexadecimal(address):
    return f"{address:#x}"


class Kernel:
    """The kernel, without scopex."""

    def __init__(self, prog):
        self.prog = prog
        self.live = bool(prog.flags & drgn.ProgramFlags.IS_LIVE)
        try:
            self.release = text(prog["init_uts_ns"].name.release)
            self.modules = list(self.find_modules())
        except drgn.FaultError as err:
            raise Unusable(
                f"the kernel's memory can't be read ({err}): is this its vmlinux? For a "
                f"dump by QEMU, drgn 0.0.22 needs {LIBKDUMPFILE}=1 in the environment"
            ) from None
        except ERRORS as err:
            raise Unusable(
                f"no debug information of the kernel ({err}): give its vmlinux by -s"
            ) from None
        self.names = {}
        self.jiffies = self.number(lambda: prog["jiffies_64"])
        self.tick_ns = self.number(self.find_tick)
        self.now_ns = self.number(self.find_now)

    @staticmethod
    def number(read):
        """What an expression is, or None."""
        try:
            return int(read())
        except ERRORS:
            return None

    def find_modules(self):
        head = self.prog["modules"].address_of_()
        node = head.next
        seen = set()
        while node != head and node.value_() not in seen:
            seen.add(node.value_())
            try:
                yield drgn.container_of(node, "struct module", "list")
                node = node.next
            except drgn.FaultError:
                break

    # The clock source that counts ticks knows how long one is.
    def find_tick(self):
        clock = self.prog["clocksource_jiffies"]
        return clock.mult.value_() >> clock.shift.value_()

    # CLOCK_MONOTONIC, as it was at the last tick.
    def find_now(self):
        clock = self.prog["tk_core"].timekeeper.tkr_mono
        return clock.base.value_() + (clock.xtime_nsec.value_() >> clock.shift.value_())

    def ms_since(self, jiffies, bits):
        """How long ago that was; only so many bits of the time are known."""
        if self.jiffies is None or self.tick_ns is None:
            return None
        ticks = (self.jiffies - jiffies) & (bit(bits) - 1)
        # The clock may be a tick behind, so a time in the future means now.
        if ticks >= bit(bits - 1):
            return 0
        return ticks * self.tick_ns // 1000000

    def module_ranges(self, module):
        try:
            for memory in module.mem:
                yield memory.base.value_(), memory.size.value_()
        except AttributeError:
            yield module.core_layout.base.value_(), module.core_layout.size.value_()

    def module_symbol(self, address):
        """The name of what is there, in a module without debug information."""
        for module in self.modules:
            if not any(
                base <= address < base + size
                for base, size in self.module_ranges(module)
            ):
                continue
            owner = f"[{text(module.name)}]"
            try:
                symbols = module.kallsyms
                before = [
                    symbol
                    for symbol in (
                        symbols.symtab[i] for i in range(symbols.num_symtab.value_())
                    )
                    if symbol.st_shndx and symbol.st_value.value_() <= address
                ]
                nearest = max(before, key=lambda symbol: symbol.st_value.value_())
                name = text(symbols.strtab + nearest.st_name)
                offset = address - nearest.st_value.value_()
                return (name, offset, owner)
            except ERRORS:
                return (hexadecimal(address), 0, owner)
        raise LookupError("no module has it")

    def function(self, address):
        """The name of a function."""
        if address not in self.names:
            try:
                symbol = self.prog.symbol(address)
                name, offset = symbol.name, address - symbol.address
            except ERRORS:
                try:
                    name, offset, _ = self.module_symbol(address)
                except ERRORS:
                    name, offset = hexadecimal(address), 0
            self.names[address] = name + (f"+{offset:#x}" if offset else "")
        return self.names[address]

    def task(self, task):
        state = task_state_to_char(task)
        return {
            "comm": text(task.comm),
            "pid": task.pid.value_(),
            "state": state,
            "on_cpu": bool(task.on_cpu),
            "dead": bool(task.exit_state),
        }

    def stack(self, task):
        try:
            lines = str(self.prog.stack_trace(task)).split("\n")
        except ERRORS as err:
            return [f"no stack: {err}"]
        frames = []
        if task.on_cpu:
            frames.append("(on a CPU: if the dump lacks its registers, this is an old one)")
        for line in lines:
            nameless = re.match(r"(#\d+ +)(0x[0-9a-f]+)$", line.strip())
            if nameless:
                # A frame of a module without debug information; or where it is not
                # known how to go on, none at all.
                try:
                    name, offset, owner = self.module_symbol(int(nameless[2], 16))
                except ERRORS:
                    frames.append("...")
                    break
                line = f"{nameless[1]}{name}+{offset:#x} {owner}"
            frames.append(line.strip())
        return frames


class Scopex:
    """What there is of scopex in a kernel, as lists and dicts."""

    def __init__(self, kernel, max_entries, stacks):
        self.kernel = kernel
        self.max_entries = max_entries
        self.want_stacks = stacks
        self.problems = []
        # By address.
        self.scopes = {}
        self.tasks = {}
        # The open scopes whose children were not looked at yet.
        self.parents = []
        try:
            config = kernel.prog["scopex_config"]
        except ERRORS as err:
            raise Unusable(self.why_not(err)) from None
        for kind, fields in FIELDS.items():
            for field in fields.split():
                if not self.has(kind, field):
                    raise Unusable(
                        f"scopex.ko has no {kind}.{field}: this script is that of another "
                        "version of scopex"
                    )
        try:
            self.config = {
                name: config.member_(name).value_()
                for name in FIELDS["scopex_config"].split()
            }
        except ERRORS as err:
            raise Unusable(f"the parameters of scopex can't be read: {err}") from None

    def has(self, kind, field):
        try:
            return self.kernel.prog.type(f"struct {kind}").has_member(field)
        except ERRORS:
            return False

    def why_not(self, err):
        modules = []
        for module in self.kernel.modules:
            try:
                modules.append(text(module.name))
            except ERRORS:
                continue
        if "scopex" in modules:
            return (
                f"no debug information of scopex ({err}): give the scopex.ko that was "
                "loaded by -s; it has to be built for a kernel with CONFIG_DEBUG_INFO, "
                "and not stripped; and drgn has to know the kernel, 0.0.22 up to 6.3"
            )
        return (
            f"scopex is not loaded in this kernel; {len(modules)} other modules are"
            if modules
            else "scopex is not loaded in this kernel, nor is any other module"
        )

    def problem(self, what, err):
        line = f"{what}: {err}"
        if line not in self.problems:
            self.problems.append(line)

    def walk(self, first, end, follow, what):
        """The addresses in a chain, which may have a loop or lead anywhere."""
        seen = set()
        node = first
        while not end(node):
            if node in seen:
                self.problem(what, f"goes in a circle at {hexadecimal(node)}")
                return
            if len(seen) == self.max_entries:
                self.problem(what, f"has more than {self.max_entries} (see --max)")
                return
            seen.add(node)
            try:
                following = follow(node)
            except ERRORS as err:
                self.problem(what, f"can't be followed: {err}")
                return
            yield node
            node = following

    def object(self, kind, address):
        return drgn.Object(self.kernel.prog, kind, address=address)

    def offset(self, kind, field):
        return self.kernel.prog.type(kind).member(field).offset

    def link(self, node):
        return self.object("struct llist_node", node).next.value_()

    def older(self, node):
        """The link that leads on in a chain."""
        link = self.link(node)
        return self.link(node + link) if PARKED < link <= STRIDE_MAX else link

    def array(self, node):
        """The items that were pushed as one node, or the only one."""
        link = self.link(node)
        if not PARKED < link <= STRIDE_MAX:
            return [node]
        end = min(self.link(node + 2 * link), node + link * self.max_entries)
        return range(node, end + 1, link)

    def walk_nodes(self, first, what):
        for node in self.walk(first, lambda node: node <= PARKED, self.older, what):
            # The newest one first, as in the chain.
            yield from reversed(self.array(node))

    def items(self, first, what, newest_first=False):
        """The items of a chain in the order in which they are to run, as runs of equal ones."""
        offset = self.offset("struct scopex_work", "node")
        works = [node - offset for node in self.walk_nodes(first, what)]
        if newest_first:
            works.reverse()
        runs = []
        for address in works:
            try:
                item = self.item(address, what)
            except ERRORS as err:
                self.problem(what, f"item {hexadecimal(address)}: {err}")
                continue
            if runs and (runs[-1]["function"], runs[-1]["scope"]) == item:
                runs[-1]["count"] += 1
            else:
                runs.append({"count": 1, "function": item[0], "scope": item[1]})
        return runs

    def item(self, address, what):
        work = self.object("struct scopex_work", address)
        if work.status.value_() & ~WORK_CODE != WORK_BUSY:
            self.problem(
                what,
                f"item {hexadecimal(address)} is not busy (status {work.status.value_()})",
            )
        # The watchdog may have marked it.
        scope = work.scope.value_() & ~MARK
        name = self.item_function(work.fn.value_(), scope)
        if name == "scopex_task_step":
            name = self.kernel.function(self.waiter(address, "work").fn.value_())
        return (name, self.scope(scope))

    def waiter(self, address, field):
        """The task of scopex that has this field at that address."""
        offset = self.offset("struct scopex_task", field)
        return self.object("struct scopex_task", address - offset)

    def item_function(self, function, scope):
        """The function of an item; of a detached one its user's."""
        name = self.kernel.function(function)
        if name != "scopex_detached_fn":
            return name
        try:
            offset = self.offset("struct scopex_detached", "scope")
            detached = self.object("struct scopex_detached", scope - offset)
            return self.kernel.function(detached.fn.value_())
        except ERRORS:
            return name

    def task(self, task, what, stack):
        """The description of a task, with its stack if the task may hang."""
        address = task.value_()
        if not address:
            return None
        try:
            known = self.tasks.get(address)
            if known is None:
                known = self.tasks[address] = self.kernel.task(task)
            if stack and self.want_stacks and "stack" not in known:
                known["stack"] = self.kernel.stack(task)
            return {name: known[name] for name in known if name != "stack"}
        except ERRORS as err:
            self.problem(what, f"task {hexadecimal(address)}: {err}")
            return None

    def scope(self, address):
        """Make a scope known, and what it is nested in; return its key."""
        key = hexadecimal(address)
        if address and address not in self.scopes:
            entry = self.scopes[address] = {"address": key, "name": key, "parent": None}
            try:
                self.read_scope(entry, address)
            except ERRORS as err:
                self.problem(f"scope {key}", err)
        return key

    def read_scope(self, entry, address):
        scope = self.object("struct scopex_scope", address)
        word = scope.state.counter.value_()
        # It is stored less the scope's own address: a copy of a scope is no scope.
        state = (word + (address << ADDRESS_SHIFT)) & (bit(64) - 1)
        kind = KINDS.get(state & KIND_MASK)
        entry["kind"] = kind or "no scope"
        if not kind:
            self.problem(
                f"scope {entry['address']}",
                f"is none: its state is {word & (bit(64) - 1):#x}",
            )
            return
        if kind == "open":
            self.parents.append(address)

        site = scope.site
        entry["name"] = text(site.name)
        entry["function"] = text(site.func)
        entry["file"] = os.path.basename(text(site.file))
        entry["line"] = site.line.value_()

        flags = scope.flags.value_()
        names = {
            "waiting": state & WAITING,
            "cancelled": state & CANCELLED,
            "serial": state & SERIAL,
            "limited": state & LIMITED,
            "limited per CPU": state & CPU_LIMITED,
            "detached": state & DETACHED,
            "fail fast": flags & FAIL_FAST,
            "killable": flags & KILLABLE,
            "joinable": state & _JOINABLE,
            "timed": flags & _TIMED,
            "children to be cancelled": state & WALK,
        }
        entry["flags"] = [name for name, there in names.items() if there]
        # One reference is the owner's, or a detached item's own.
        entry["pending"] = max((state & COUNT_MASK) // ONE - 1, 0)
        error = scope.error.value_()
        entry["error"] = errno.errorcode.get(-error, str(error)) if error else None
        entry["age_ms"] = (
            None
            if kind != "open" or state & UNLISTED or flags & _HIDDEN
            else self.kernel.ms_since(scope.since.value_(), 32)
        )
        entry["listed"] = False
        entry["tasks"] = self.waiters(scope, f"tasks of scope {entry['name']}")
        entry["owner"] = self.task(scope.owner, f"owner of scope {entry['name']}", True)
        if state & SERIAL:
            entry["own"] = self.items(
                scope.own.value_(), f"items of the serial scope {entry['name']}", True
            )
        if state & (LIMITED | CPU_LIMITED | _JOINABLE) or flags & _TIMED:
            self.read_options(entry, address, state, flags)
        parent = scope.parent.value_()
        if parent:
            entry["parent"] = self.scope(parent)

    def waiters(self, scope, what):
        """The tasks of a scope that have waited; the longest of those in the same place."""
        head = scope.tasks.address_
        first = scope.tasks.next.value_()
        groups = {}
        for node in self.walk(
            first,
            lambda node: node in (0, head),
            lambda node: self.object("struct list_head", node).next.value_(),
            what,
        ):
            try:
                task = self.waiter(node, "node")
                state = task.state.counter.value_()
                waits = state == TASK_WAITING
                await_ = task.member_("await")
                key = (
                    self.kernel.function(task.fn.value_()),
                    task.at.value_(),
                    TASK_STATES.get(state, str(state)),
                    text(await_.ops.name) if waits and await_ else None,
                )
                age = self.kernel.ms_since(task.since.value_(), 32) if waits else None
            except ERRORS as err:
                self.problem(what, f"task {hexadecimal(node)}: {err}")
                continue
            count, longest = groups.get(key, (0, None))
            groups[key] = (count + 1, max(age or 0, longest or 0) if waits else None)
        return [
            {
                "count": count,
                "function": function,
                "line": line,
                "state": state,
                "for": what_for,
                "longest_ms": longest,
            }
            for (function, line, state, what_for), (count, longest) in groups.items()
        ]

    def read_options(self, entry, address, state, flags):
        offset = self.offset("struct scopex_custom_scope", "scope")
        custom = self.object("struct scopex_custom_scope", address - offset)
        if state & LIMITED:
            entry["limit"] = custom.limit.value_()
            entry["running"] = custom.running.value_()
            entry["limit_waiting"] = self.items(
                custom.waiting.value_(),
                f"items of scope {entry['name']} that wait for its limit",
            )
        if state & CPU_LIMITED:
            entry["limit_per_cpu"] = custom.limit_per_cpu.value_()
        if state & _JOINABLE and custom.joined:
            entry["joins"] = self.item_function(custom.joined.fn.value_(), address)
        if flags & _TIMED:
            entry["expired"] = bool(custom.expired)
            entry["deadline_ms"] = (
                None
                if self.kernel.now_ns is None
                else (custom.deadline.value_() - self.kernel.now_ns) // 1000000
            )

    def list_scopes(self, head, what):
        """Make the scopes in a list known."""
        offset = self.offset("struct scopex_scope", "node")
        for node in self.walk(
            head.first.value_(),
            lambda node: not node,
            lambda node: self.object("struct hlist_node", node).next.value_(),
            what,
        ):
            self.scope(node - offset)
            if node != offset:
                self.scopes[node - offset]["listed"] = True

    def open_scopes(self):
        """Make known all open scopes: those outside of items, and the children of all."""
        for i, bucket in enumerate(self.kernel.prog["scopex_buckets"]):
            try:
                self.list_scopes(bucket.scopes, f"bucket {i} of open scopes")
            except ERRORS as err:
                self.problem(f"bucket {i} of open scopes", err)
        while self.parents:
            address = self.parents.pop()
            what = f"children of scope {self.scopes[address]['name']}"
            try:
                self.list_scopes(self.object("struct scopex_scope", address).children, what)
            except ERRORS as err:
                self.problem(what, err)

    def count(self, w, *names):
        """The sum of some counters of a worker."""
        return sum(
            w.count[self.kernel.prog.constant(name).value_()].a.counter.value_()
            for name in names
        )

    def worker(self, w, standby, cpu):
        what = f"worker {hexadecimal(w.address_)} of CPU {cpu}"
        entry = {"task": None, "state": "unknown", "item": None}
        try:
            busy = bool(w.site)
            entry["task"] = self.task(w.task, what, busy)
            if entry["task"]:
                what = f"worker {entry['task']['comm']}"
            if entry["task"] and entry["task"]["dead"]:
                entry["state"] = "dead"
            elif w.active:
                entry["state"] = "active"
            elif w.address_ in standby:
                entry["state"] = "standby"
            elif busy:
                entry["state"] = "blocked"
            entry["reserved"] = bool(w.reserved)
            entry["nested"] = w.nested.value_()
            self.nested_scopes(w, what)
            if busy:
                entry["item"] = self.running_item(w)
            entry["rest"] = self.items(w.rest.value_(), f"batch of {what}")
            entry["turn"] = self.scope(w.turn.value_()) if w.turn else None
            entry["deferred"] = self.items(w.deferred.value_(), f"deferred items of {what}")
        except ERRORS as err:
            self.problem(what, err)
        return entry

    def nested_scopes(self, w, what):
        """Make known the scopes that a worker's item has opened, in no list perhaps."""
        for address in self.walk(
            w.innermost.value_(),
            lambda address: not address,
            lambda address: self.object("struct scopex_scope", address).outer.value_(),
            f"scopes opened by {what}",
        ):
            self.scope(address)

    def running_item(self, w):
        fn, scope = w.fn.value_(), w.scope.value_()
        entry = {
            "function": self.item_function(fn, scope) if fn else "-",
            # None while the worker releases a detached item.
            "scope": self.scope(scope) if scope else None,
            "for_ms": None,
        }
        # Only the stall detector looks at the time, of active ones, some times in
        # stall_ms: the item may have begun after the look, or before it.
        ended = self.count(w, "SCOPEX_RUN", "SCOPEX_CANCELLED_ITEMS", "SCOPEX_CHUNKS")
        if self.config["stall_ms"] and w.active and ended == w.stall_ended.value_():
            entry["for_ms"] = self.kernel.ms_since(w.stall_since.value_(), 64)
        return entry

    def workers(self, sc, cpu):
        """The workers of a CPU, and how many items they have taken."""
        offset = self.offset("struct scopex_worker", "standby")
        standby = {
            node - offset
            for node in self.walk_nodes(
                sc.standby.first.value_(), f"workers on standby of CPU {cpu}"
            )
        }
        workers = [
            self.object("struct scopex_worker", address)
            for address in self.walk(
                sc.workers.value_(),
                lambda address: not address,
                lambda address: self.object("struct scopex_worker", address).next.value_(),
                f"workers of CPU {cpu}",
            )
        ]
        shown = sorted(
            (self.worker(w, standby, cpu) for w in workers),
            key=lambda worker: (
                worker["state"] != "active",
                worker["item"]["function"] if worker["item"] else "",
            ),
        )
        taken = self.kernel.number(lambda: sum(self.count(w, "SCOPEX_TAKEN") for w in workers))
        return shown, taken

    def stealable(self, sc, cpu):
        what = f"stealable items of CPU {cpu}"
        shared = sc.shared.value_()
        rest = self.items(shared if shared > MOVING else 0, what)
        return rest + self.items(sc.any.value_(), what, True)

    def offer(self, sc):
        if not sc.offer:
            return None
        loop = drgn.container_of(sc.offer, "struct scopex_loop", "offer")
        return {
            "function": self.kernel.function(loop.fn.value_()),
            "scope": self.scope(loop.scope.value_()),
            "claimed": loop.claimed.counter.value_(),
            "numbers": loop.count.value_(),
        }

    def cpu(self, cpu, online):
        sc = per_cpu(self.kernel.prog["scopex_cpus"], cpu)
        if not sc.workers and not sc.refused:
            return None
        queue = sc.queue.value_()
        queued = self.items(queue, f"queue of CPU {cpu}", True)
        entry = {
            "cpu": cpu,
            "online": cpu in online,
            "open": bool(sc.open),
            "queue": "parked" if queue == PARKED else "items" if queue else "empty",
            "queued": queued,
            "stealable": self.stealable(sc, cpu),
            "taken": None,
            "refused": sc.refused.value_(),
            "stalls": sc.stalls.value_(),
            "spare": sc.spare.counter.value_(),
            "dead": sc.dead.counter.value_(),
            "offer": None,
        }
        try:
            entry["offer"] = self.offer(sc)
        except ERRORS as err:
            self.problem(f"offer to CPU {cpu}", err)
        entry["workers"], entry["taken"] = self.workers(sc, cpu)
        entry["left_by"], entry["left_rest"] = None, []
        if sc.left_by:
            what = f"unserved queue of CPU {cpu}"
            entry["left_by"] = self.task(sc.left_by.task, what, True)
            entry["left_rest"] = self.items(sc.left_rest.value_(), f"rest of the batch of {what}")
        return entry

    def gather(self):
        prog = self.kernel.prog
        online = set(for_each_online_cpu(prog))
        cpus = []
        for cpu in for_each_possible_cpu(prog):
            try:
                entry = self.cpu(cpu, online)
            except ERRORS as err:
                self.problem(f"CPU {cpu}", err)
                continue
            if entry:
                cpus.append(entry)
        try:
            self.open_scopes()
        except ERRORS as err:
            self.problem("open scopes", err)
        scopes = sorted(
            self.scopes.values(),
            key=lambda entry: (-(entry.get("age_ms") or 0), entry["name"]),
        )
        return {
            "version": 1,
            "release": self.kernel.release,
            "live": self.kernel.live,
            "config": self.config,
            "cpus": cpus,
            "scopes": scopes,
            "stacks": sorted(
                (task for task in self.tasks.values() if "stack" in task),
                key=lambda task: task["pid"],
            ),
            "problems": self.problems,
        }


class Report:
    """The same as text for people."""

    def __init__(self, data):
        self.data = data
        self.scopes = {scope["address"]: scope for scope in data["scopes"]}
        self.children = {}
        for scope in data["scopes"]:
            self.children.setdefault(scope["parent"], []).append(scope)
        self.lines = []

    def line(self, depth, string):
        self.lines.append("    " * depth + plain(string))

    @staticmethod
    def duration(ms):
        return f"{ms} ms" if ms < 10000 else f"{ms / 1000:.1f} s"

    @staticmethod
    def task(task):
        if not task:
            return "unknown"
        state = "dead" if task["dead"] else "running" if task["on_cpu"] else task["state"]
        return f"{task['comm']}:{task['pid']} ({state})"

    def scope_name(self, key):
        scope = self.scopes.get(key)
        return scope["name"] if scope else key

    def place(self, scope):
        if "file" not in scope:
            return "nowhere"
        return f"{scope['function']}() {scope['file']}:{scope['line']}"

    def items(self, depth, runs, what):
        if not runs:
            return
        self.line(depth, f"{what}: {sum(run['count'] for run in runs)}")
        for run in runs:
            scope = self.scope_name(run["scope"])
            self.line(depth + 1, f"{run['count']} {run['function']} of scope {scope}")

    def worker(self, worker):
        line = f"worker {self.task(worker['task'])}: {worker['state']}"
        item = worker["item"]
        if item:
            line += f", in {item['function']}"
            if item["scope"]:
                scope = self.scopes.get(item["scope"], {"name": item["scope"]})
                line += f" of scope {scope['name']}, opened in {self.place(scope)}"
            else:
                line += ", which releases a detached item"
            if item["for_ms"]:
                line += f", for about {self.duration(item['for_ms'])}"
        if worker.get("nested"):
            line += f", with {worker['nested']} scope(s) open"
        if worker.get("reserved"):
            line += ", another worker reserved"
        self.line(1, line)
        self.items(2, worker.get("rest"), "the rest of its batch")
        if worker.get("turn"):
            self.line(2, f"has a turn of scope {self.scope_name(worker['turn'])}")
        self.items(2, worker.get("deferred"), "waiting for that turn")

    def cpu(self, cpu):
        queue = {
            "parked": "queue empty, parked",
            "empty": "queue empty",
            "items": f"{sum(run['count'] for run in cpu['queued'])} item(s) queued",
        }[cpu["queue"]]
        line = f"CPU {cpu['cpu']}: {'open' if cpu['open'] else 'closed'}"
        if not cpu["online"]:
            line += ", offline"
        line += f", {queue}; {len(cpu['workers'])} worker(s)"
        if cpu["stalls"]:
            line += f"; {cpu['stalls']} item(s) reported as stalled"
        if cpu["dead"]:
            line += f"; {cpu['dead']} worker(s) dead"
        self.line(0, line)
        self.items(1, cpu["queued"], "queued, the next one first")
        self.items(1, cpu["stealable"], "stealable, the next one first")
        if cpu["offer"]:
            offer = cpu["offer"]
            self.line(
                1,
                f"is offered a loop: {offer['function']} of scope "
                f"{self.scope_name(offer['scope'])}, "
                f"{offer['claimed']} of {offer['numbers']} numbers claimed",
            )
        if cpu["left_by"]:
            self.line(
                1, f"not served: worker {self.task(cpu['left_by'])} left it, and none stands by"
            )
            self.items(2, cpu.get("left_rest"), "the rest of its batch")
        # Workers on standby are all the same.
        standby = [worker for worker in cpu["workers"] if worker["state"] == "standby"]
        for worker in cpu["workers"]:
            if worker not in standby:
                self.worker(worker)
        if standby:
            self.line(1, f"on standby: {len(standby)}")

    def scope(self, scope, depth, shown):
        # A damaged parent may be its own child.
        if scope["address"] in shown:
            return
        shown.add(scope["address"])
        self.line(depth, f"{scope['name']}, opened in {self.place(scope)}")
        if "flags" in scope:
            self.scope_state(scope, depth + 1)
        for child in self.children.get(scope["address"], []):
            self.scope(child, depth + 1, shown)

    def scope_state(self, scope, depth):
        line = [*scope["flags"]] if scope["kind"] == "open" else [scope["kind"]]
        line.append(f"{scope['pending']} pending")
        if scope["error"]:
            line.append(f"error {scope['error']}")
        if scope["age_ms"] is not None:
            line.append(f"age {self.duration(scope['age_ms'])}")
        if not scope["listed"] and "detached" not in scope["flags"]:
            line.append("not listed")
        self.line(depth, ", ".join(line))
        if scope["owner"] or "detached" not in scope["flags"]:
            self.line(depth, f"owner {self.task(scope['owner'])}")
        if scope.get("deadline_ms") is not None:
            ms = scope["deadline_ms"]
            self.line(
                depth,
                f"deadline in {self.duration(ms)}"
                if ms >= 0
                else f"deadline {self.duration(-ms)} ago",
            )
        if "limit" in scope:
            self.line(
                depth, f"limit {scope['limit']}, {scope['running']} queued or running"
            )
            self.items(depth, scope["limit_waiting"], "waiting for the limit")
        if "limit_per_cpu" in scope:
            self.line(depth, f"limit per CPU {scope['limit_per_cpu']}")
        if "joins" in scope:
            self.line(depth, f"the owner waits for an item, {scope['joins']}")
        self.items(depth, scope.get("own"), "left to the owner")
        for task in scope["tasks"]:
            line = f"{task['count']} task(s) {task['state']}"
            if task["for"]:
                line += f" for {task['for']}"
            line += f": {task['function']}"
            if task["line"]:
                line += f", line {task['line']}"
            if task["longest_ms"] is not None:
                line += f", for {self.duration(task['longest_ms'])}"
            self.line(depth, line)

    def make(self):
        data, config = self.data, self.data["config"]
        self.line(
            0,
            f"scopex in Linux {data['release']}, "
            + ("running: what is shown may change meanwhile" if data["live"] else "a dump")
            + f"; standby={config['standby']} workers={config['workers']} "
            f"stall_ms={config['stall_ms']}",
        )
        self.line(0, "")
        for cpu in data["cpus"]:
            self.cpu(cpu)
        self.line(0, "")
        self.line(0, f"scopes, the oldest first: {len(data['scopes'])}")
        shown = set()
        for scope in data["scopes"]:
            if scope["parent"] not in self.scopes:
                self.scope(scope, 1, shown)
        # The remaining scopes are in a loop of parents.
        for scope in data["scopes"]:
            self.scope(scope, 1, shown)
        for task in data["stacks"]:
            self.line(0, "")
            self.line(0, f"stack of {self.task(task)}")
            for frame in task["stack"]:
                self.line(1, frame)
        if data["problems"]:
            self.line(0, "")
            self.line(0, "not as it should be:")
            for problem in data["problems"]:
                self.line(1, problem)
        return "\n".join(self.lines)


def main(prog):
    parser = argparse.ArgumentParser(
        prog="scopex-drgn.py", description="What scopex is doing in a kernel"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--no-stacks", action="store_true", help="without kernel stacks")
    parser.add_argument("--max", type=int, default=100000, help="bound of all lists")
    options = parser.parse_args()

    if not prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        raise Unusable("this is no Linux kernel, or a dump without VMCOREINFO")
    data = Scopex(Kernel(prog), options.max, not options.no_stacks).gather()
    print(json.dumps(data, indent=1) if options.json else Report(data).make(), flush=True)


if __name__ == "__main__":
    if "prog" not in globals():
        sys.exit("scopex-drgn: run this by drgn: drgn [-c DUMP] [-s FILE]... " + sys.argv[0])
    try:
        main(globals()["prog"])
    except Unusable as err:
        sys.exit(f"scopex-drgn: {plain(str(err))}")
    except BrokenPipeError:
        # The reader has seen enough; Python's own flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
