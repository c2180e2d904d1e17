#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draw what scopex's trace events say.

TRACE is a trace.dat of trace-cmd (which has to be installed to read it), or text:
what "trace-cmd report" prints, or a copy of /sys/kernel/tracing/trace. Record it by

    trace-cmd record -C mono -e scopex

Written are a picture for any browser (SVG; hover over anything for details) and a
file for ui.perfetto.dev (Chrome's trace event format).
"""

import argparse
import bisect
import json
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from xml.sax.saxutils import escape

DAT_MAGIC = b"\x17\x08\x44tracing"


class BadTrace(Exception):
    """What is wrong with the input, in one line."""


# Reading

# Of tracefs and of trace-cmd; the former has flags, and may have a thread group's id.
LINE = re.compile(
    r"\s*(?P<comm>\S.*)-(?P<pid>\d+)\s+(?:\([\s\d-]+\)\s+)?\[(?P<cpu>\d+)\]\s+"
    r"(?:[^\s:]+\s+)?(?P<sec>\d+)\.(?P<frac>\d{6,9}):\s+scopex_(?P<event>[a-z_]+):\s+"
    r"(?P<text>.*)$")
LOST = re.compile(r"CPU:(\d+) \[(?:LOST )?(?:(\d+) )?EVENTS(?: DROPPED)?\]")
STARTED = re.compile(r"##### CPU (\d+) buffer started ####")
CPUS = re.compile(r"(?:cpus=|#.*#P:)(\d+)\s*$")
WRITTEN = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+) ")

PLACE = r" at (?P<func>.*)\(\) (?P<file>.*):(?P<line>\d+)$"
SCOPE = r"scope=(?P<scope>\S+) name=(?P<name>.*) "
OF_SCOPE = re.compile(SCOPE + r"parent=(?P<parent>\S+) pending=(?P<pending>\d+) "
                      r"error=(?P<error>-?\d+)(?P<serial> serial)?" + PLACE)
OF_ERRNO = re.compile(SCOPE + r"err=(?P<err>-?\d+)$")
OF_ITEM = re.compile(SCOPE + r"work=(?P<work>\S+) fn=(?P<fn>.*) ret=(?P<ret>-?\d+)$")
OF_CPU = re.compile(r"target=(?P<target>\d+)$")

EVENTS = {
    "open": OF_SCOPE, "wait": OF_SCOPE, "waited": OF_SCOPE, "close": OF_SCOPE,
    "cancel": OF_ERRNO, "error": OF_ERRNO,
    "submit": re.compile(SCOPE + r"work=(?P<work>\S+) fn=(?P<fn>.*) "
                         r"target=(?P<target>\d+)$"),
    "run_start": OF_ITEM, "run_end": OF_ITEM, "item_cancelled": OF_ITEM,
    "chunk_start": re.compile(SCOPE + r"fn=(?P<fn>.*) first=(?P<first>\d+) "
                              r"count=(?P<count>\d+)$"),
    "chunk_end": re.compile(SCOPE + r"fn=(?P<fn>.*) ret=(?P<ret>-?\d+)$"),
    "hand_off": re.compile(r"target=(?P<target>\d+) from=(?P<from>\d+) to=(?P<to>\d+)$"),
    "stall": re.compile(r"target=(?P<target>\d+) worker=(?P<worker>\d+) fn=(?P<fn>.*) "
                        r"name=(?P<name>.*)" + PLACE),
    "park": OF_CPU, "wake": OF_CPU,
}


class Event:
    """One line: time in ns, where, who, what."""

    __slots__ = ("time", "cpu", "pid", "comm", "kind", "args")

    def __init__(self, time, cpu, pid, comm, kind, args):
        self.time, self.cpu, self.pid = time, cpu, pid
        self.comm, self.kind, self.args = comm, kind, args


class Trace:
    """The events of a file, and what is missing."""

    def __init__(self, name):
        self.name = name
        self.events = []
        self.cpus = 0
        self.lost = Counter()       # by CPU
        self.gaps = []              # (begin, end, CPU): events of it were lost there
        self.last = {}              # by CPU: when its last event was
        self.bad = []               # numbers of the lines that can't be read
        self.seen = 0               # lines that look like those of a trace

    def add_line(self, number, line, losing):
        match = LINE.match(line)
        if not match:
            if " scopex_" in line:
                self.bad.append(number)
            elif re.search(r"\[\d+\].*\d+\.\d+: ", line):
                self.seen += 1
            else:
                self.add_remark(line, losing)
            return
        self.seen += 1
        known = EVENTS.get(match["event"])
        args = known.match(match["text"].rstrip()) if known else None
        if not args:
            self.bad.append(number)
            return
        time = int(match["sec"]) * 10**9 + int(match["frac"].ljust(9, "0"))
        cpu = int(match["cpu"])
        if cpu in losing:
            losing.discard(cpu)
            self.gaps.append((self.last.get(cpu), time, cpu))
        self.last[cpu] = time
        self.cpus = max(self.cpus, cpu + 1)
        self.events.append(Event(time, cpu, int(match["pid"]), match["comm"].strip(),
                                 match["event"], args.groupdict()))

    def add_remark(self, line, losing):
        lost = LOST.search(line)
        if lost:
            self.lost[int(lost[1])] += int(lost[2] or 1)
            losing.add(int(lost[1]))
        cpus = CPUS.match(line)
        if cpus:
            self.cpus = max(self.cpus, int(cpus[1]))
        written = WRITTEN.match(line)
        if written and int(written[2]) > int(written[1]):
            # How many of which CPU is not said.
            self.lost[None] += int(written[2]) - int(written[1])
        started = STARTED.match(line)
        if started and self.lost[None]:
            losing.add(int(started[1]))

    def remarks(self):
        """What is wrong with the recording, one line each."""
        said = []
        if sum(self.lost.values()):
            where = ", ".join(f"CPU {cpu}" for cpu in sorted(
                cpu for cpu in self.lost if cpu is not None))
            said.append(f"{plural(sum(self.lost.values()), 'event')} lost"
                        + (f" ({where})" if where else "")
                        + ": bars and brackets are missing or too long, queues are"
                        " too deep; a larger buffer is needed")
        if self.bad:
            said.append(f"{plural(len(self.bad), 'line')} can't be read, the first is"
                        f" line {self.bad[0]}: the trace is cut off or damaged")
        return said


def plural(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def run_trace_cmd(*args):
    try:
        done = subprocess.run(["trace-cmd", *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False,
                              env={**os.environ, "LC_ALL": "C"})
    except OSError:
        raise BadTrace("trace-cmd is needed to read a trace.dat; or give the text of"
                       " /sys/kernel/tracing/trace") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").split("\n")
        said = [line.strip() for line in said if line.strip()] or ["no reason given"]
        raise BadTrace(f"trace-cmd can't read it: {said[-1]}")
    return done.stdout.decode(errors="replace")


def read_text(path):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise BadTrace(error.strerror) from None
    if data.startswith(DAT_MAGIC):
        return run_trace_cmd("report", "-t", "-i", path), True
    if not data:
        raise BadTrace("is empty")
    if b"\0" in data:
        raise BadTrace("is neither a trace.dat nor text")
    return data.decode(errors="replace"), False


def read_overruns(trace, path):
    """What the tracer's buffer had no room for, as trace-cmd has noted it."""
    cpu = None
    for line in run_trace_cmd("report", "--stat", "-i", path).splitlines():
        match = re.match(r"\s*CPU: (\d+)", line)
        if match:
            cpu = int(match[1])
        match = re.match(r"\s*(?:overrun|dropped events): (\d+)", line)
        if match and int(match[1]) and cpu is not None:
            trace.lost[cpu] = max(trace.lost[cpu], int(match[1]))


def read_trace(path):
    trace = Trace(os.path.basename(path))
    text, is_dat = read_text(path)
    losing = set()
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        trace.add_line(number, line, losing)
    if is_dat:
        read_overruns(trace, path)
    if not trace.events:
        if trace.bad:
            raise BadTrace(f"no event can be read, the first is in line {trace.bad[0]}")
        if is_dat and not trace.cpus:
            raise BadTrace("trace-cmd finds nothing in it: it is cut off or damaged")
        if trace.seen or is_dat:
            raise BadTrace("there are no events of scopex in it; record with -e scopex")
        raise BadTrace("is no trace")
    # Text of a single CPU's file is in order, that of others may be not quite.
    trace.events.sort(key=lambda event: event.time)
    return trace


# What the events mean


class Site:
    """A place in the code that scopes come from."""

    def __init__(self, name, place):
        self.name, self.place = name, place
        self.bars = self.total = self.longest = self.scopes = 0
        self.rank = None

    def label(self):
        return f"{self.name}, {self.place or 'place not recorded'}"


class Scope:
    def __init__(self, key, site, begin):
        self.key, self.site, self.begin = key, site, begin
        self.end = self.pid = self.comm = self.cpu = None
        self.opened = self.seen = self.closed = self.serial = False
        self.parent = self.outer = None
        self.waits, self.waiting = [], None
        self.cancels, self.errors, self.submits = [], [], []
        self.items = self.chunks = self.cancelled = 0
        self.bar = None
        self.lane = 0


class Bar:
    """An item that runs, or a chunk of a loop."""

    __slots__ = ("kind", "scope", "fn", "begin", "end", "cpu", "pid", "comm", "ret",
                 "inside", "submit", "detail", "waits", "started", "ended", "lane",
                 "work")

    def __init__(self, kind, scope, event, detail):
        self.kind, self.scope, self.detail = kind, scope, detail
        self.fn = short_fn(event.args["fn"])
        self.begin, self.cpu, self.pid = event.time, event.cpu, event.pid
        self.comm = event.comm
        self.end = self.ret = self.inside = self.submit = self.work = None
        self.waits = []
        self.started = self.ended = True
        self.lane = 0


    def waited(self):
        """How long it waited for scopes; not while it ran their items itself."""
        return sum(end - begin for begin, end, scope in self.waits if not scope.serial)

    def own(self):
        return max(0, self.end - self.begin - self.waited())


class Submit:
    __slots__ = ("time", "pid", "comm", "cpu", "target", "fn", "scope", "out")

    def __init__(self, event, scope):
        self.time, self.pid, self.comm, self.cpu = (
            event.time, event.pid, event.comm, event.cpu)
        self.target, self.fn = int(event.args["target"]), short_fn(event.args["fn"])
        self.scope, self.out = scope, None


def short_fn(fn):
    return re.sub(r"(\.(isra|constprop|part|cold)[.\d]*|\+0x.*| \[.*)+$", "", fn)


def is_null(pointer):
    return pointer in ("(nil)", "(null)") or not pointer.removeprefix("0x").strip("0")


ERRNO = {1: "EPERM", 4: "EINTR", 5: "EIO", 11: "EAGAIN", 12: "ENOMEM", 16: "EBUSY",
         19: "ENODEV", 22: "EINVAL", 27: "EFBIG", 28: "ENOSPC", 35: "EDEADLK",
         62: "ETIME", 108: "ESHUTDOWN", 110: "ETIMEDOUT", 125: "ECANCELED"}


def errno_name(err):
    return f"-{ERRNO[-err]}" if -err in ERRNO else str(err)


class Model:
    """The scopes, items, chunks and workers of a trace."""

    def __init__(self, trace):
        self.trace = trace
        self.begin, self.end = trace.events[0].time, trace.events[-1].time
        self.sites, self.places = {}, {}
        self.scopes, self.bars, self.submits = [], [], []
        self.hand_offs, self.stalls, self.outs, self.parks = [], [], [], []
        self.comms, self.home = {}, {}
        self.queue = {}             # CPU: [(time, +1 or -1)]
        self._open, self._stack, self._owned = {}, {}, {}
        self._submitted, self._parked, self._idle = {}, {}, {}
        self._gaps = sorted(((self.begin if begin is None else begin, end)
                             for begin, end, _ in trace.gaps), key=lambda gap: gap[1])
        self._gap_ends = [end for _, end in self._gaps]

        for event in trace.events:
            if event.kind in ("open", "wait", "waited", "close"):
                args = event.args
                place = f"{args['func']}() {args['file']}:{args['line']}"
                self.places.setdefault(args["name"], {})[place] = True
        for event in trace.events:
            if event.comm != "<...>" or event.pid not in self.comms:
                self.comms[event.pid] = event.comm
            if event.pid in self._parked:
                begin, cpu = self._parked.pop(event.pid)
                self.parks.append((begin, event.time, cpu, event.pid))
            getattr(self, "on_" + event.kind)(event)
        self._finish()

    # Looking things up

    def site(self, name, place):
        if place is None and len(self.places.get(name, ())) == 1:
            place = next(iter(self.places[name]))
        return self.sites.setdefault((name, place), Site(name, place))

    def _new_scope(self, event):
        args, place = event.args, None
        if "func" in args:
            place = f"{args['func']}() {args['file']}:{args['line']}"
        scope = Scope(args["scope"], self.site(args["name"], place), event.time)
        old = self._open.get(scope.key)
        if old:
            # Another one is there now: its close was lost.
            old.end = self._lost_after(old.begin, event.time)
        self._open[scope.key] = scope
        self.scopes.append(scope)
        return scope

    def _lost_before(self, time):
        """Since when what is not recorded may have been there at that time."""
        at = bisect.bisect_right(self._gap_ends, time) - 1
        return self._gaps[at][0] if at >= 0 else self.begin

    def _lost_after(self, begin, time):
        """Until when what has begun then may have gone on, if its end is not recorded."""
        at = bisect.bisect_left(self._gap_ends, begin)
        return min(time, self._gap_ends[at]) if at < len(self._gaps) else time

    def _scope(self, event):
        """The scope of an event, also if its start is not recorded."""
        scope = self._open.get(event.args["scope"])
        if not scope or scope.site.name != event.args["name"]:
            scope = self._new_scope(event)
        if "func" in event.args and not scope.seen:
            args = event.args
            scope.seen = True
            scope.pid, scope.comm, scope.cpu = event.pid, event.comm, event.cpu
            scope.begin = min(scope.begin, self._lost_before(event.time))
            scope.site = self.site(
                args["name"], f"{args['func']}() {args['file']}:{args['line']}")
        return scope

    def _queue(self, submit, time, step):
        self.queue.setdefault(submit.target, []).append((time, step))

    # One function for each event

    def on_open(self, event):
        scope = self._new_scope(event)
        scope.opened = scope.seen = True
        scope.pid, scope.comm, scope.cpu = event.pid, event.comm, event.cpu
        scope.serial = bool(event.args["serial"])
        stack = self._stack.get(event.pid)
        scope.bar = stack[-1] if stack else None
        if not is_null(event.args["parent"]):
            scope.parent = self._open.get(event.args["parent"])
        owned = self._owned.setdefault(event.pid, [])
        # What its own task has opened before, in the same item, is what it is inside of.
        while owned and owned[-1].end is not None:
            owned.pop()
        if owned and owned[-1].bar is scope.bar:
            scope.outer = owned[-1]
        else:
            scope.outer = scope.parent
        owned.append(scope)

    def on_wait(self, event):
        self._scope(event).waiting = event.time

    def on_waited(self, event):
        scope = self._scope(event)
        begin = scope.waiting
        if begin is None:
            begin = max(scope.begin, self._lost_before(event.time))
        self._waited(scope, begin, event.time)

    def _waited(self, scope, begin, end):
        scope.waiting = None
        scope.waits.append((begin, end))
        stack = self._stack.get(scope.pid)
        if stack:
            stack[-1].waits.append((max(begin, stack[-1].begin), end, scope))

    def on_close(self, event):
        scope = self._scope(event)
        scope.end, scope.closed = event.time, True
        scope.serial = scope.serial or bool(event.args["serial"])
        del self._open[scope.key]

    def on_cancel(self, event):
        self._scope(event).cancels.append((event.time, int(event.args["err"])))

    def on_error(self, event):
        self._scope(event).errors.append((event.time, int(event.args["err"])))

    def on_submit(self, event):
        scope = self._scope(event)
        submit = Submit(event, scope)
        scope.submits.append(submit)
        self.submits.append(submit)
        self._submitted[event.args["work"]] = submit
        self._queue(submit, event.time, 1)

    def _out(self, event):
        submit = self._submitted.pop(event.args["work"], None)
        if submit:
            submit.out = event.time
            self._queue(submit, event.time, -1)
        return submit

    def on_run_start(self, event):
        scope = self._scope(event)
        scope.items += 1
        bar = Bar("item", scope, event, "")
        bar.submit, bar.work = self._out(event), event.args["work"]
        self._push(bar)

    def on_chunk_start(self, event):
        scope = self._scope(event)
        scope.chunks += 1
        first, count = int(event.args["first"]), int(event.args["count"])
        self._push(Bar("chunk", scope, event, f"{first} to {first + count - 1}"))

    def _push(self, bar):
        stack = self._stack.setdefault(bar.pid, [])
        if stack and not self._may_nest(bar, stack[-1]):
            # The ends of these were lost.
            for old in stack:
                old.end, old.ended = self._lost_after(old.begin, bar.begin), False
            stack.clear()
        bar.inside = stack[-1] if stack else None
        stack.append(bar)
        self.bars.append(bar)

    def _may_nest(self, bar, outer):
        """Can a task run this within the other one?"""
        if bar.kind == "chunk":
            return bar.scope.pid == bar.pid and bar.scope is not outer.scope
        # A task that waits runs the items of a serial scope of its own.
        return any(scope.end is None and scope.waiting is not None
                   for scope in self._owned.get(bar.pid, ()))

    def _pop(self, kind, event):
        stack = self._stack.setdefault(event.pid, [])
        for depth in reversed(range(len(stack))):
            bar = stack[depth]
            if bar.kind == kind and bar.scope.key == event.args["scope"] and (
                    kind == "chunk" or bar.work == event.args["work"]):
                break
        else:
            # It was there before anything was recorded.
            bar = Bar(kind, self._scope(event), event, "")
            bar.begin = max(self._idle.get(event.pid, self.begin),
                            self._lost_before(event.time))
            bar.started = False
            self.bars.append(bar)
            depth = len(stack)
        for old in stack[depth + 1:]:
            old.end, old.ended = self._lost_after(old.begin, event.time), False
        del stack[depth:]
        bar.end, bar.ret = event.time, int(event.args["ret"])
        self._idle[event.pid] = event.time

    def on_run_end(self, event):
        self._pop("item", event)

    def on_chunk_end(self, event):
        self._pop("chunk", event)

    def on_item_cancelled(self, event):
        scope = self._scope(event)
        scope.cancelled += 1
        self.outs.append((event.time, event.cpu, short_fn(event.args["fn"]), scope,
                          event.pid, self._out(event)))

    def on_hand_off(self, event):
        args = event.args
        cpu = int(args["target"])
        self.home[int(args["from"])] = self.home[int(args["to"])] = cpu
        self.hand_offs.append((event.time, cpu, int(args["from"]), int(args["to"])))

    def on_stall(self, event):
        args = event.args
        place = f"{args['func']}() {args['file']}:{args['line']}"
        self.home[int(args["worker"])] = int(args["target"])
        self.stalls.append((event.time, int(args["target"]), int(args["worker"]),
                            short_fn(args["fn"]), self.site(args["name"], place)))

    def on_park(self, event):
        self.home[event.pid] = int(event.args["target"])
        self._parked[event.pid] = (event.time, int(event.args["target"]))

    def on_wake(self, event):
        self.home[event.pid] = int(event.args["target"])

    # When all is read

    def _finish(self):
        for pid, (begin, cpu) in self._parked.items():
            self.parks.append((begin, self.end, cpu, pid))
        for scope in self.scopes:
            if scope.waiting is not None:
                self._waited(scope, scope.waiting, scope.end or self.end)
            if scope.end is None:
                scope.end = self.end
        for bar in self.bars:
            if bar.end is None:
                bar.end, bar.ended = self.end, False
        self.bars.sort(key=lambda bar: (bar.begin, -bar.end))
        self.cpus = max([self.trace.cpus - 1, *(bar.cpu for bar in self.bars),
                         *self.queue]) + 1
        for bar in self.bars:
            site, time = bar.scope.site, bar.own()
            site.bars += 1
            site.total += time
            site.longest = max(site.longest, time)
        for scope in self.scopes:
            scope.site.scopes += scope.seen
        ranked = sorted(self.sites.values(), key=lambda site: -site.total)
        for rank, site in enumerate(ranked):
            site.rank = rank
        self.ranked = ranked

    def task(self, pid):
        return f"{self.comms.get(pid, 'task')} ({pid})"

    def home_of(self, pid):
        """The CPU that a worker is for; None if it is no worker."""
        if pid not in self.home:
            match = re.match(r"scopex/(\d+)", self.comms.get(pid, ""))
            self.home[pid] = int(match[1]) if match else None
        return self.home[pid]

    def failed(self):
        return [bar for bar in self.bars if bar.ret and bar.ret < 0]

    def items(self, kind="item"):
        return [bar for bar in self.bars if bar.kind == kind]

    def counts(self):
        """One line that tells what is there."""
        chunks, failed = len(self.items("chunk")), len(self.failed())
        said = [plural(sum(scope.seen for scope in self.scopes), "scope"),
                plural(len(self.items()), "item") + " run"]
        if chunks:
            said.append(f"{plural(chunks, 'chunk')} of loops")
        for number, noun in ((len(self.outs), "cancelled"), (failed, "failed")):
            if number:
                said.append(f"{number} {noun}")
        for number, noun in ((len(self.hand_offs), "hand-off"),
                             (len(self.stalls), "stall")):
            if number:
                said.append(plural(number, noun))
        return ", ".join(said)

    def longest(self):
        whole = [bar for bar in self.bars if bar.started and bar.ended]
        return max(whole or self.bars, key=Bar.own, default=None)

    def remarkable(self):
        """What is worth a look, one line each."""
        said = []
        if self.bars:
            bar = self.longest()
            like = [other.own() for other in self.bars
                    if other.scope.site is bar.scope.site]
            said.append(
                f"longest: {bar.fn} of {bar.scope.site.name}, {duration(bar.own())}"
                f" on CPU {bar.cpu} from {duration(bar.begin - self.begin)} on (outlined)"
                + (f"; the median of its call site is {duration(statistics.median(like))}"
                   if len(like) > 1 else ""))
        queued = [bar for bar in self.bars if bar.submit]
        if queued:
            bar = max(queued, key=lambda bar: bar.begin - bar.submit.time)
            said.append(
                f"longest in a queue: {bar.fn} of {bar.scope.site.name},"
                f" {duration(bar.begin - bar.submit.time)} until it was run on CPU"
                f" {bar.cpu}, from {duration(bar.submit.time - self.begin)} on")
        said.extend(self._convoys())
        return said

    def _convoys(self):
        """Call sites all of whose items have gone to one CPU, though there are more."""
        cpus, time = {}, {}
        for bar in self.bars:
            site = bar.scope.site
            cpus.setdefault(site, Counter())[bar.cpu] += 1
            time[site] = time.get(site, 0) + bar.own()
        for site, of_cpu in cpus.items():
            if (self.cpus > 1 and len(of_cpu) == 1 and sum(of_cpu.values()) >= 4 and
                    time[site] > (self.end - self.begin) / 4):
                yield (f"one CPU only: all {sum(of_cpu.values())} of {site.name} ran on"
                       f" CPU {next(iter(of_cpu))}, while there are {self.cpus}")


def duration(nanoseconds):
    for unit, scale in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(nanoseconds) >= scale:
            return f"{nanoseconds / scale:.3g} {unit}" if nanoseconds < 1000 * scale \
                else f"{nanoseconds / scale:.0f} {unit}"
    return f"{nanoseconds:.0f} ns"


# The picture

# To be told apart by those who are colour-blind, too (Okabe and Ito; Tol). The call
# sites that take the most time have a colour of their own, others share the last.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#332288",
           "#f0e442", "#882255", "#999933", "#aa4499", "#8c510a")
GREY = "#9a9a9a"
RED = "#c00020"

GUTTER = 190
MARGIN = 24
TEXT = 6.3                          # of a character of 11 px, about

STYLE = """
text{font:11px 'DejaVu Sans',Verdana,Arial,sans-serif;fill:#222}
.h{font-size:17px;font-weight:bold}.b{font-weight:bold}.s{fill:#666}.w{fill:#fff}
.r{fill:#c00020;font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}
.grid{stroke:#ddd;stroke-width:1}.sep{stroke:#888;stroke-width:1}
.item,.chunk,.many{stroke:#fff;stroke-opacity:.7;stroke-width:.6}
.many{stroke:none}.chunk{rx:4px}
.item:hover,.chunk:hover,.many:hover,.scope:hover{stroke:#000;stroke-width:1.5;stroke-opacity:1}
.failed{fill:none;stroke:#c00020;stroke-width:2}.long{fill:none;stroke:#000;stroke-width:2}
.wait{fill:url(#hatch)}.park{fill:#c9d3dc}.queue{fill:#7a5c3e}.lost{fill:url(#lost)}
.out{stroke:#c00020;stroke-width:2}.cancel{fill:#c00020}.hand{stroke:#000;fill:#000}
.tick{stroke:#222;stroke-width:1}.stall{fill:#c00020}.nest{stroke:#777;stroke-dasharray:2 2}
.bracket{fill:none;stroke-width:2}.scope{fill-opacity:.2}
.key{fill:#7d95a8}.kk{stroke:#7d95a8}
"""


def num(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Group:
    """Rows that belong together: a CPU, or the scopes of a task."""

    def __init__(self, label):
        self.label, self.lanes, self.members = label, [], []

    def place(self, member, lowest):
        """Put a member into the lowest lane that is free then, from lowest on."""
        lanes = self.lanes
        for lane in range(lowest, len(lanes)):
            if lanes[lane] <= member.begin:
                break
        else:
            lane = max(lowest, len(lanes))
        while len(lanes) <= lane:
            lanes.append(0)
        lanes[lane] = member.end
        member.lane = lane
        self.members.append(member)


class Picture:
    """The SVG. What is narrower than "fine" pixels is merged with its neighbours."""

    MANY = 16000                    # elements; then "fine" becomes coarser
    MOST_TASKS = 24                 # with rows of their own
    MOST_ARROWS = 40                # for a CPU; then hand-offs are marks only

    def __init__(self, model, width, begin, end):
        self.model, self.width = model, width
        self.begin, self.end = begin, max(end, begin + 1)
        self.scale = (width - GUTTER - MARGIN) / (self.end - self.begin)
        self.fine = 0.5
        self.merged = 0
        self._lay_out()

    def draw(self):
        while True:
            self.out, self.y, self.merged, self.count = [], 0, 0, 0
            chart = self._chart()
            if self.count <= self.MANY:
                break
            self.fine *= 2
        head = self._head()
        top = self.y + 8
        height = top + self.chart_height + 16
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}"'
            f' height="{num(height)}" viewBox="0 0 {self.width} {num(height)}">',
            f"<title>{escape(self.model.trace.name)}</title>",
            f"<style>{STYLE}{self._colour_classes()}</style>",
            '<defs><pattern id="hatch" width="6" height="6"'
            ' patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<path d="M0 0V6" stroke="#222" stroke-opacity=".4" stroke-width="1.6"/></pattern>'
            '<pattern id="lost" width="8" height="8" patternUnits="userSpaceOnUse"'
            ' patternTransform="rotate(-45)"><path d="M0 0V8" stroke="#c00020"'
            ' stroke-opacity=".6" stroke-width="3"/></pattern></defs>',
            f'<rect width="{self.width}" height="{num(height)}" fill="#fff"/>',
            *head, f'<g transform="translate(0 {num(top)})">', *chart, "</g>", "</svg>",
            ""])

    # Where things are

    def x(self, time):
        time = min(max(time, self.begin), self.end)
        return GUTTER + (time - self.begin) * self.scale

    def inside(self, begin, end):
        return end >= self.begin and begin <= self.end

    def _lay_out(self):
        model = self.model
        self.cpus = [Group(f"CPU {cpu}") for cpu in range(model.cpus)]
        for bar in model.bars:
            nested = bar.inside and bar.inside.cpu == bar.cpu
            self.cpus[bar.cpu].place(bar, bar.inside.lane + 1 if nested else 0)

        # Scopes that items have opened are below those of the items.
        self.tasks, groups = [], {}
        drawn = [scope for scope in model.scopes if scope.seen]
        for scope in sorted(drawn, key=lambda scope: (scope.begin, -scope.end)):
            root = scope
            while root.outer and root.outer.seen:
                root = root.outer
            group = groups.get(root.pid)
            if not group:
                group = groups[root.pid] = self._task_group(model.task(root.pid))
            group.place(scope, scope.outer.lane + 1 if scope is not root else 0)

    def _task_group(self, label):
        """A group for one more task; many have the last one together."""
        if len(self.tasks) < self.MOST_TASKS:
            self.tasks.append(Group(label))
        else:
            self.tasks[-1].label = "other tasks"
        return self.tasks[-1]

    # Elements

    def element(self, out, text, hover=None):
        """One element that ends with "/>", with its hover if it has one."""
        self.count += 1
        if hover:
            tag = text[1:text.index(" ")]
            text = f"{text[:-2]}><title>{escape(hover)}</title></{tag}>"
        out.append(text)

    @staticmethod
    def text(x, y, text, style=""):
        style = f' class="{style}"' if style else ""
        return f'<text x="{num(x)}" y="{num(y)}"{style}>{escape(text)}</text>'

    @staticmethod
    def rect(x, y, width, height, style, more=""):
        return (f'<rect x="{num(x)}" y="{num(y)}" width="{num(width)}"'
                f' height="{num(height)}" class="{style}"{more}/>')

    @staticmethod
    def path(d, style, more=""):
        return f'<path d="{d}" class="{style}"{more}/>'

    def colour(self, site):
        return site.rank if site.rank < len(COLOURS) and site.bars else "g"

    def _colour_classes(self):
        # A bracket has the colour as its stroke.
        return "".join(f".c{name}{{fill:{colour}}}.k{name}{{stroke:{colour}}}\n"
                       for name, colour in [*enumerate(COLOURS), ("g", GREY)])

    @staticmethod
    def _dark(name):
        colour = GREY if name == "g" else COLOURS[name]
        red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
        return red * 299 + green * 587 + blue * 114 < 128000

    def clip(self, text, room):
        size = int(room / TEXT)
        if len(text) <= size:
            return text
        return text[:size - 1] + "\u2026" if size > 4 else ""

    # Text above the chart

    def _head(self):
        model, out = self.model, []
        self.y = 28
        out.append(self.text(16, self.y, f"scopex: {model.trace.name}", "h"))
        self.y += 20
        window = ""
        if (self.begin, self.end) != (model.begin, max(model.end, model.begin + 1)):
            window = (f"; shown: {duration(self.end - self.begin)} from"
                      f" {duration(self.begin - model.begin)} on")
        out.append(self.text(
            16, self.y, f"{plural(model.cpus, 'CPU')}, {duration(model.end - model.begin)},"
            f" {plural(len(model.trace.events), 'event')}: {model.counts()}{window}"))
        for remark in model.trace.remarks():
            self.y += 18
            out.append(self.text(16, self.y, "! " + remark, "r warning"))
        for remark in model.remarkable():
            self.y += 16
            out.append(self.text(16, self.y, "\u2022 " + remark))
        self.y += 26
        top = self.y
        self._sites(out)
        bottom, self.y = self.y, top
        # Beside the table where there is room for that.
        left = 800
        if self.width < 1400:
            left, self.y = 20, bottom + 24
        self._key(out, left)
        self.y = max(self.y, bottom)
        return out

    def _sites(self, out):
        """The table of the call sites."""
        columns = (40, 480, 560, 640, 700)
        for x, title in zip(columns, ("call site: scope, function, file", "run", "time",
                                      "longest", "scopes")):
            out.append(self.text(x, self.y, title, "b" if x == 40 else "b e"))
        shown = [site for site in self.model.ranked if site.bars or site.scopes]
        own = [site for site in shown if self.colour(site) != "g"]
        rest = shown[len(own):]
        rows = [(self.colour(site), site.label(), site.bars, site.total, site.longest,
                 site.scopes) for site in own]
        if rest:
            rows.append(("g", rest[0].label() if len(rest) == 1 else f"{len(rest)} others",
                         sum(site.bars for site in rest),
                         sum(site.total for site in rest),
                         max(site.longest for site in rest),
                         sum(site.scopes for site in rest)))
        for colour, label, *numbers in rows:
            self.y += 17
            out.append(self.rect(20, self.y - 10, 14, 12, f"legend c{colour}"))
            out.append(self.text(columns[0], self.y, self.clip(label, 390)))
            for x, number, show in zip(columns[1:], numbers,
                                       (str, duration, duration, str)):
                out.append(self.text(x, self.y, show(number), "e"))

    def _key(self, out, left):
        """What the signs mean, in two columns."""
        box = self.rect(0, -10, 30, 12, "key")
        signs = [
            ("item, from its start to its end", [box]),
            ("chunk of a parallel loop", [self.rect(0, -10, 30, 12, "key", ' rx="4"')]),
            ("hatched: waits for a scope",
             [box, self.rect(10, -10, 20, 12, "wait")]),
            ("failed", [box, self.rect(1, -9, 28, 10, "failed")]),
            ("the longest", [box, self.rect(1, -9, 28, 10, "long")]),
            ("narrower than a pixel, merged; pale: with gaps",
             [self.rect(0, -10, 30, 12, "key", ' fill-opacity=".5"')]),
            ("items cancelled, and how many",
             [self.path("M4 -8l8 8m0 -8l-8 8", "out"), self.text(15, 0, "7", "r")]),
            ("hand-off to another worker of the CPU",
             [self.path("M15 -11V1m-4 -5h8l-4 5z", "hand")]),
            ("stall: an item holds its CPU up", [self.path("M15 -11l8 13h-16z", "stall")]),
            ("line: no worker is awake", [self.rect(0, -5, 30, 3, "park")]),
            ("how many items are queued", [self.path("M0 2V-4H10V-9H20V-2H30V2z", "queue")]),
            ("scope, from open to close; dashes: submits",
             [self.rect(0, -10, 30, 12, "key", ' fill-opacity=".25"'),
              self.path("M1 2V-10H29V2", "bracket kk"),
              self.path("M7 2v-4M11 2v-4M15 2v-4", "tick")]),
            ("hatched: its owner waits", [self.rect(0, -10, 30, 12, "key", ' fill-opacity=".25"'),
                                          self.rect(10, -10, 20, 12, "wait"),
                                          self.path("M1 2V-10H29V2", "bracket kk")]),
            ("the scope is cancelled", [self.rect(13, -10, 3, 12, "cancel")]),
        ]
        if sum(self.model.trace.lost.values()):
            signs.append(("events were lost", [self.rect(0, -10, 30, 12, "lost")]))
        out.append(self.text(left, self.y, "signs; hover over anything for details", "b"))
        out.append('<g class="signs">')
        half = -(-len(signs) // 2)
        for number, (label, shapes) in enumerate(signs):
            x, y = left + number // half * 330, self.y + 17 * (number % half + 1)
            out.append(f'<g transform="translate({num(x)} {num(y)})">')
            out.extend(shapes)
            out.append(self.text(38, 0, label))
            out.append("</g>")
        out.append("</g>")
        self.y += 17 * half

    # The chart

    def _chart(self):
        out, y = [], 30
        body = []
        y = self._heading(body, y, "CPUs: what ran where; bars below each other are"
                          " of several tasks at the same time, or nested")
        for cpu, group in enumerate(self.cpus):
            y = self._cpu(body, y, cpu, group)
        y += 12
        if self.tasks:
            y = self._heading(body, y, "scopes, by the task that has opened them;"
                              " below: the scopes that their items have opened")
            for group in self.tasks:
                y = self._task(body, y, group)
        self._axis(out, y)
        self.chart_height = y + 20
        return out + body

    def _heading(self, out, y, text):
        out.append(self.text(16, y + 10, text, "b"))
        return y + 18

    def _axis(self, out, bottom):
        span = self.end - self.begin
        step = 10 ** max(0, len(str(span)) - 2)
        for factor in (1, 2, 5, 10, 20, 50):
            if span / (step * factor) <= 14:
                step *= factor
                break
        unit, scale = next((unit, scale) for unit, scale in (
            ("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)) if step >= scale)
        first = self.begin - self.model.begin
        for tick in range(-(-first // step) * step, first + span + 1, step):
            x = self.x(self.model.begin + tick)
            out.append(f'<path d="M{num(x)} 20V{num(bottom)}" class="grid"/>')
            label = f"{tick // scale} {unit}"
            out.append(self.text(x, 14, label, "m s"))
            out.append(self.text(x, bottom + 14, label, "m s"))

    def _rows(self, group, height):
        """The height of a lane: a little smaller where there are many."""
        lanes = max(1, len(group.lanes))
        return height if lanes <= 8 else max(5, height * 8 / lanes)

    def _cpu(self, out, y, cpu, group):
        model = self.model
        row = self._rows(group, 18)
        lanes = max(1, len(group.lanes))
        top = y + 6
        bottom = max(top + lanes * row + 20, y + 52)
        self.count += 1
        out.append(f'<path d="M16 {num(y)}H{self.width - MARGIN}" class="sep"/>')
        out.append(self.text(16, top + 11, group.label, "b cpu"))
        busy, bars = self._busy(group.members)
        out.append(self.text(70, top + 11, f"busy {busy:.0f} %", "s"))
        out.append(self.text(16, top + 25, bars, "s"))
        if model.queue.get(cpu):
            out.append(self.text(16, top + 39, "queue: at most"
                                 f" {max(self._depths(model.queue[cpu]))}", "s"))
        base = bottom - 3

        for begin, end, where, pid in model.parks:
            if where == cpu and self.inside(begin, end) and \
                    (end - begin) * self.scale >= self.fine:
                self.element(out, self.rect(self.x(begin), base - 3,
                                            self.x(end) - self.x(begin), 3, "park"),
                             f"{model.task(pid)} sleeps: {duration(end - begin)}")
        self._queued(out, cpu, base - 4, 13)
        self._lost(out, cpu, top, bottom)
        lanes_of = {}
        for bar in group.members:
            if self.inside(bar.begin, bar.end):
                lanes_of.setdefault(bar.lane, []).append(bar)
        for lane in sorted(lanes_of):
            self._bars(out, lanes_of[lane], top + lane * row, row - 2)
        self._marks(out, cpu, top, row, base)
        return bottom + 4

    def _busy(self, bars):
        """How much of the time anything ran that did not wait, in percent."""
        edges = []
        for bar in bars:
            at = max(bar.begin, self.begin)
            for begin, end, _ in sorted(bar.waits, key=lambda wait: wait[0]):
                edges.append((at, begin))
                at = max(at, end)
            edges.append((at, bar.end))
        total, at = 0, self.begin
        for begin, end in sorted(edges):
            begin, end = max(begin, at), min(end, self.end)
            if end > begin:
                total += end - begin
                at = end
        kinds = Counter(bar.kind for bar in bars if self.inside(bar.begin, bar.end))
        said = " + ".join(plural(kinds[kind], kind) for kind in ("item", "chunk")
                          if kinds[kind]) or "nothing ran"
        return 100 * total / (self.end - self.begin), said

    def _bars(self, out, bars, y, height):
        run = []
        for bar in bars:
            width = (min(bar.end, self.end) - max(bar.begin, self.begin)) * self.scale
            if width >= self.fine:
                self._merge(out, run, y, height)
                run = []
                self._bar(out, bar, y, height)
                continue
            if run and not self._joins(run, bar):
                self._merge(out, run, y, height)
                run = []
            run.append(bar)
        self._merge(out, run, y, height)

    def _joins(self, run, bar):
        x, limit = self.x(bar.begin), 6 * max(1, self.fine)
        if run[0].scope.site is not bar.scope.site:
            limit /= 3
        return (x - self.x(run[-1].end) < self.fine and
                self.x(bar.end) - self.x(run[0].begin) <= limit)

    def _bar(self, out, bar, y, height):
        x, right = self.x(bar.begin), self.x(bar.end)
        colour = self.colour(bar.scope.site)
        self.element(out, self.rect(x, y, right - x, height, f"{bar.kind} c{colour}"),
                     self._about(bar))
        for begin, end, scope in bar.waits:
            if (end - begin) * self.scale >= 1 and self.inside(begin, end):
                self.element(
                    out, self.rect(self.x(begin), y, self.x(end) - self.x(begin), height,
                                   "wait inside"),
                    f"{self._about(bar)}\n{'runs items itself, of' if scope.serial else 'waits for'}"
                    f" scope {scope.site.name}: {duration(end - begin)}")
        if bar.ret and bar.ret < 0 and right - x >= 3:
            self.element(out, self.rect(x + 1, y + 1, right - x - 2, height - 2, "failed",
                                        ' pointer-events="none"'))
        elif bar.ret and bar.ret < 0:
            self.element(out, self.path(f"M{num(x)} {num(y)}v{num(height)}", "failed",
                                        ' pointer-events="none"'))
        label = bar.fn
        if self.model.home_of(bar.pid) is None:
            label += f", in {bar.comm}"
        label = self.clip(label, right - x - 6) if height >= 12 else ""
        if label:
            style = "w" if self._dark(colour) else ""
            out.append(self.text(x + 3, y + height / 2 + 4, label, style).replace(
                "<text ", '<text pointer-events="none" ', 1))

    def _merge(self, out, run, y, height):
        if not run:
            return
        x, right = self.x(run[0].begin), self.x(run[-1].end)
        sites = Counter()
        for bar in run:
            sites[bar.scope.site] += bar.end - bar.begin
        # In the order in which they came, if as long.
        site = max(sites, key=sites.get)
        span = max(1, run[-1].end - run[0].begin)
        full = min(1, sum(sites.values()) / span)
        if len(run) > 1:
            self.merged += len(run)
            counts = Counter(f"{bar.fn} of {bar.scope.site.label()}" for bar in run)
            kinds = Counter(bar.kind for bar in run)
            hover = "\n".join([
                " + ".join(plural(kinds[kind], kind) for kind in ("item", "chunk")
                           if kinds[kind]) +
                f" in {duration(span)} from {duration(run[0].begin - self.model.begin)} on,"
                f" {duration(sum(sites.values()))} in all",
                *(f"{number} x {what}" for what, number in counts.most_common(6))])
            style = f"many c{self.colour(site)}"
        else:
            hover = self._about(run[0])
            style = f"{run[0].kind} c{self.colour(site)}"
        failed = sum(1 for bar in run if bar.ret and bar.ret < 0)
        if failed and len(run) > 1:
            hover += f"\n{failed} of them have failed"
        more = f' fill-opacity="{num(0.35 + 0.65 * full)}"' if full < 0.95 else ""
        self.element(out, self.rect(x, y, max(right - x, self.fine), height, style, more),
                     hover)
        if failed:
            self.element(out, self.path(f"M{num(x)} {num(y)}v{num(height)}", "failed",
                                        ' pointer-events="none"'))

    def _about(self, bar):
        model, scope = self.model, bar.scope
        said = [f"{bar.kind} {bar.fn}" + (f", {bar.detail}" if bar.detail else "") +
                f": {duration(bar.end - bar.begin)}",
                f"scope {scope.site.label()}",
                f"CPU {bar.cpu}, {model.task(bar.pid)}",
                f"from {duration(bar.begin - model.begin)} to"
                f" {duration(bar.end - model.begin)}"]
        if bar.waited():
            said.append(f"waited {duration(bar.waited())} of that for scopes")
        if bar.submit:
            said.append(f"submitted by {model.task(bar.submit.pid)} to CPU"
                        f" {bar.submit.target}, {duration(bar.begin - bar.submit.time)}"
                        " in the queue")
        if bar.ret:
            said.append(f"returned {errno_name(bar.ret)}")
        if not bar.started:
            said.append("its start is not recorded")
        if not bar.ended:
            said.append("its end is not recorded")
        return "\n".join(said)

    def _queued(self, out, cpu, base, height):
        """How many items were waiting for a CPU, as steps."""
        changes = self.model.queue.get(cpu)
        if not changes:
            return
        most = max(self._depths(changes))
        steps, depth, peak, at = [], 0, 0, None
        # The deepest within each pixel.
        for time, step in changes:
            x = round(self.x(time))
            if x != at:
                if at is not None:
                    steps.append((at, peak, depth))
                at, peak = x, depth
            depth = max(0, depth + step)
            peak = max(peak, depth)
        steps.append((at, peak, depth))
        d = [f"M{steps[0][0]} {num(base)}"]
        last = 0
        for x, peak, depth in steps:
            if peak != last:
                d.append(f"H{x}V{num(base - height * peak / self.deepest())}")
            if depth != peak:
                d.append(f"H{x + 1}V{num(base - height * depth / self.deepest())}")
            last = depth
        d.append(f"H{num(self.x(self.end))}V{num(base)}z")
        self.element(out, self.path("".join(d), "queue"),
                     f"items in the queue of CPU {cpu}: {most} at most")

    def _depths(self, changes):
        depth = 0
        for _, step in changes:
            depth = max(0, depth + step)
            yield depth

    def deepest(self):
        if not hasattr(self, "_deepest"):
            self._deepest = max((max(self._depths(changes))
                                 for changes in self.model.queue.values()), default=1)
        return max(1, self._deepest)

    def _lost(self, out, cpu, top, bottom):
        trace, model = self.model.trace, self.model
        for begin, end, where in trace.gaps:
            begin = model.begin if begin is None else begin
            if where == cpu and self.inside(begin, end):
                x = min(self.x(begin), self.x(end) - 4)
                self.element(out, self.rect(x, top, self.x(end) - x, bottom - top, "lost"),
                             f"events of CPU {cpu} were lost from"
                             f" {duration(begin - model.begin)} to"
                             f" {duration(end - model.begin)}")
        if trace.lost.get(cpu) and all(where != cpu for *_, where in trace.gaps):
            self.element(out, self.rect(GUTTER - 10, top, 8, bottom - top, "lost"),
                         f"{plural(trace.lost[cpu], 'event')} of CPU {cpu} were lost")

    def binned(self, marks, room):
        """Marks as (time, hover) that are too near to each other, together."""
        run = []
        for mark in marks:
            if run and self.x(mark[0]) - self.x(run[0][0]) >= room:
                yield run
                run = []
            run.append(mark)
        if run:
            yield run

    def _hover(self, run, what):
        texts = [text for _, text in run]
        if len(texts) == 1:
            return texts[0]
        more = [f"and {len(texts) - 8} more"] if len(texts) > 8 else []
        return "\n".join([f"{len(texts)} {what}:", *texts[:8], *more])

    def _marks(self, out, cpu, top, row, base):
        model = self.model
        outs = [(time, f"{fn} of {scope.site.name} is cancelled at"
                 f" {duration(time - model.begin)}")
                for time, where, fn, scope, *_ in model.outs
                if where == cpu and self.inside(time, time)]
        for run in self.binned(outs, 10):
            x = self.x(run[0][0])
            self.element(out, self.path(f"M{num(x - 4)} {num(base - 13)}l8 8m0 -8l-8 8",
                                        "out cancelled"),
                         self._hover(run, "items are cancelled"))
            if len(run) > 1:
                out.append(self.text(x + 6, base - 4, str(len(run)), "r"))
        hands = [(time, f"{model.task(old)} hands CPU {cpu} off to {model.task(new)} at"
                  f" {duration(time - model.begin)}", old, new)
                 for time, where, old, new in model.hand_offs
                 if where == cpu and self.inside(time, time)]
        lane_of = self._lanes_of_tasks(cpu)
        last = None
        arrows = len(hands) <= self.MOST_ARROWS
        for time, hover, old, new in hands:
            x = self.x(time)
            if last is not None and x - last[0] < 4:
                last[1].append((time, hover))
                continue
            self._hand_off(out, last)
            last = (x, [(time, hover)], self._lane_at(lane_of, old, time, False),
                    self._lane_at(lane_of, new, time, True) if arrows else None, top, row)
        self._hand_off(out, last)
        for time, where, worker, fn, site in model.stalls:
            if where == cpu and self.inside(time, time):
                lane = self._lane_at(lane_of, worker, time, False) or 0
                self.element(
                    out, self.path(f"M{num(self.x(time))} {num(top + lane * row + row / 2 - 8)}"
                                   "l8 13h-16z", "stall"),
                    f"stall: {fn} of {site.label()} holds up CPU {cpu}, in"
                    f" {model.task(worker)}, at {duration(time - model.begin)}")
        longest = model.longest()
        if longest and longest.cpu == cpu and self.inside(longest.begin, longest.end):
            x, right = self.x(longest.begin), self.x(longest.end)
            self.element(out, self.rect(x, top + longest.lane * row, max(right - x, 2),
                                        row - 2, "long", ' pointer-events="none"'))

    def _lanes_of_tasks(self, cpu):
        lanes = {}
        for bar in self.cpus[cpu].members:
            lanes.setdefault(bar.pid, []).append((bar.begin, bar.lane))
        return lanes

    @staticmethod
    def _lane_at(lanes, pid, time, after):
        """The lane of a task's bar at that time, or of the next one."""
        bars = lanes.get(pid, [])
        at = bisect.bisect(bars, (time, 10**9)) - (not after)
        return bars[at][1] if 0 <= at < len(bars) else None

    def _hand_off(self, out, hand):
        """An arrow from the lane of the one worker to that of the other."""
        if not hand:
            return
        x, run, old, new, top, row = hand
        old = 0 if old is None else old
        new = old if new is None else new
        begin, end = top + old * row + row / 2 - 1, top + new * row + row / 2 - 1
        if old == new:
            begin, end = begin - 7, begin + 3
        tip = 5 if end > begin else -5
        self.element(out, self.path(
            f"M{num(x)} {num(begin)}V{num(end)}m-4 {-tip}h8l-4 {tip}z", "hand"),
            self._hover(run, "hand-offs"))

    # Scopes

    def _task(self, out, y, group):
        lanes = max(1, len(group.lanes))
        row = self._rows(group, 20)
        top = y + 5
        bottom = max(top + lanes * row + 2, y + 34)
        self.count += 1
        out.append(f'<path d="M16 {num(y)}H{self.width - MARGIN}" class="sep"/>')
        out.append(self.text(16, top + 11, self.clip(group.label, GUTTER - 20), "b task"))
        out.append(self.text(16, top + 25, plural(len(group.members), "scope"), "s"))
        lanes_of = {}
        for scope in group.members:
            if self.inside(scope.begin, scope.end):
                lanes_of.setdefault(scope.lane, []).append(scope)
        for lane in sorted(lanes_of):
            self._scopes(out, lanes_of[lane], top, row)
        return bottom + 3

    def _scopes(self, out, scopes, top, row):
        run = []
        for scope in sorted(scopes, key=lambda scope: scope.begin):
            if (scope.end - scope.begin) * self.scale >= 2 * self.fine:
                self._merged_scopes(out, run, top, row)
                run = []
                self._scope(out, scope, top, row)
                continue
            if run and (self.x(scope.begin) - self.x(run[-1].end) >= self.fine or
                        self.x(scope.end) - self.x(run[0].begin) > 6 * max(1, self.fine)):
                self._merged_scopes(out, run, top, row)
                run = []
            run.append(scope)
        self._merged_scopes(out, run, top, row)

    def _merged_scopes(self, out, run, top, row):
        if not run:
            return
        x, right = self.x(run[0].begin), self.x(run[-1].end)
        y = top + run[0].lane * row
        sites = Counter(scope.site for scope in run)
        if len(run) == 1:
            hover, style = self._about_scope(run[0]), "scope"
        else:
            self.merged += len(run)
            hover = "\n".join([f"{len(run)} scopes", *(
                f"{number} x {site.label()}" for site, number in sites.most_common(6))])
            style = "scopes many"
        colour = self.colour(sites.most_common(1)[0][0])
        self.element(out, self.rect(x, y, max(right - x, self.fine), row - 3,
                                    f"{style} c{colour}", ' style="fill-opacity:.7"'), hover)
        self._cancels(out, [(time, scope, err) for scope in run
                            for time, err in scope.cancels], y, row)

    def _scope(self, out, scope, top, row):
        x, right = self.x(scope.begin), self.x(scope.end)
        y, height = top + scope.lane * row, row - 3
        colour = self.colour(scope.site)
        hover = self._about_scope(scope)
        self.element(out, self.rect(x, y, right - x, height, f"scope c{colour}"), hover)
        for begin, end in scope.waits:
            if (end - begin) * self.scale >= 1 and self.inside(begin, end):
                self.element(out, self.rect(self.x(begin), y, self.x(end) - self.x(begin),
                                            height, "wait outside"),
                             f"{hover}\nits owner waits: {duration(end - begin)}")
        # Open at the side where it goes on.
        d = f"M{num(x)} {num(y + height)}V{num(y)}" if scope.opened else f"M{num(x)} {num(y)}"
        d += f"H{num(right)}" + (f"V{num(y + height)}" if scope.closed else "")
        self.element(out, self.path(d, f"bracket k{colour}", ' pointer-events="none"'))
        if scope.outer and scope.outer.seen and scope.lane > scope.outer.lane + 1:
            self.element(out, self.path(
                f"M{num(x)} {num(top + scope.outer.lane * row + height)}V{num(y)}", "nest"))
        ticks = [(submit.time, "") for submit in scope.submits
                 if self.inside(submit.time, submit.time)]
        d = "".join(f"M{num(self.x(run[0][0]))} {num(y + height)}v-4"
                    for run in self.binned(ticks, 2))
        if d and right - x > 4:
            self.element(out, self.path(d, "tick", ' pointer-events="none"'))
        self._cancels(out, [(time, scope, err) for time, err in scope.cancels], y, row)
        name, time = scope.site.name, duration(scope.end - scope.begin)
        labels = [f"{name} {time}", name]
        if scope.site.place:
            labels.insert(0, f"{name}, {scope.site.place.split(' ')[0]} {time}")
        room = right - x - 8
        label = next((label for label in labels if len(label) * TEXT <= room),
                     self.clip(name, room))
        if label and height >= 12:
            out.append(self.text(x + 5, y + height / 2 + 4, label).replace(
                "<text ", '<text pointer-events="none" paint-order="stroke" stroke="#fff"'
                ' stroke-width="3" ', 1))

    def _cancels(self, out, cancels, y, row):
        model = self.model
        marks = [(time, f"scope {scope.site.name} is cancelled at"
                  f" {duration(time - model.begin)}"
                  + (f": {errno_name(err)}" if err else ", without a reason"))
                 for time, scope, err in cancels if self.inside(time, time)]
        for run in self.binned(marks, 4):
            self.element(out, self.rect(self.x(run[0][0]) - 1.5, y, 3, row - 3, "cancel"),
                         self._hover(run, "cancellations"))

    def _about_scope(self, scope):
        model = self.model
        said = [f"scope {scope.site.label()}: {duration(scope.end - scope.begin)}",
                f"opened by {model.task(scope.pid)} on CPU {scope.cpu}",
                f"from {duration(scope.begin - model.begin)} to"
                f" {duration(scope.end - model.begin)}"]
        if scope.parent:
            said.append(f"by an item of scope {scope.parent.site.name}")
        elif scope.outer:
            said.append(f"within scope {scope.outer.site.name}")
        number = scope.items + scope.cancelled
        if number:
            said.append(f"{plural(number, 'item')}"
                        + (f", {scope.cancelled} cancelled" if scope.cancelled else ""))
        if scope.chunks:
            said.append(plural(scope.chunks, "chunk"))
        if scope.waits:
            said.append(f"waited {duration(sum(end - begin for begin, end in scope.waits))}"
                        f" in {plural(len(scope.waits), 'wait')}")
        if scope.serial:
            said.append("serial: its owner runs its items")
        said.extend(f"cancelled at {duration(time - model.begin)}"
                    + (f": {errno_name(err)}" if err else "")
                    for time, err in scope.cancels[:4])
        said.extend(f"error at {duration(time - model.begin)}: {errno_name(err)}"
                    for time, err in scope.errors[:4])
        if not scope.opened:
            said.append("opened before the recording")
        if not scope.closed:
            said.append("its end is not recorded")
        return "\n".join(said)


# For Perfetto

CALLERS = 100000
SCOPES = CALLERS + 1


def chrome_trace(model):
    """The same in Chrome's trace event format."""
    events, flow = [], 0
    threads = {}

    def where(pid):
        """The process and the thread that a task is shown as."""
        home = model.home_of(pid)
        group = CALLERS if home is None else home + 1
        threads[group, pid] = model.task(pid)
        return {"pid": group, "tid": pid}

    def micro(time):
        return (time - model.begin) / 1000

    def add(ph, name, time, place, **more):
        events.append({"ph": ph, "name": name, "ts": micro(time), **place, **more})

    def span(name, cat, begin, end, pid, args):
        add("X", name, begin, where(pid), dur=(end - begin) / 1000, cat=cat, args=args)

    for number, scope in enumerate(model.scopes):
        if not scope.seen:
            continue
        args = {"place": scope.site.place, "items": scope.items,
                "cancelled": scope.cancelled, "chunks": scope.chunks,
                "owner": model.task(scope.pid), "serial": scope.serial,
                "open recorded": scope.opened, "close recorded": scope.closed}
        if scope.parent:
            args["parent"] = scope.parent.site.name
        name = scope.site.name
        tag = {"cat": "scope", "id": f"0x{number + 1:x}"}
        place = {"pid": SCOPES, "tid": SCOPES}
        add("b", name, scope.begin, place, args=args, **tag)
        add("e", name, scope.end, place, **tag)
        if scope.opened:
            span(f"scope {name}", "scope", scope.begin, scope.end, scope.pid, args)
        for begin, end in scope.waits:
            span(f"wait for {name}", "wait", begin, end, scope.pid, {})
        for what, times in (("cancel", scope.cancels), ("error", scope.errors)):
            for time, err in times:
                add("i", f"{what} {name} {errno_name(err) if err else ''}".rstrip(), time,
                    place, s="p", cat=what, args={"err": err})
    for submit in model.submits:
        span(f"submit {submit.fn}", "submit", submit.time, submit.time, submit.pid,
             {"scope": submit.scope.site.name, "target": submit.target})
    for bar in model.bars:
        args = {"scope": bar.scope.site.name, "place": bar.scope.site.place,
                "cpu": bar.cpu, "ret": bar.ret}
        if bar.kind == "chunk":
            args["range"] = bar.detail
        if bar.submit:
            args["queued us"] = (bar.begin - bar.submit.time) / 1000
        span(bar.fn, bar.kind, bar.begin, bar.end, bar.pid, args)
        if bar.submit:
            flow += 1
            tag = {"cat": "submit", "id": flow}
            add("s", "submit", bar.submit.time, where(bar.submit.pid), **tag)
            add("f", "submit", bar.begin, where(bar.pid), bp="e", **tag)
    for time, cpu, fn, scope, pid, _ in model.outs:
        add("i", f"cancelled {fn}", time, where(pid), s="t", cat="cancelled",
            args={"scope": scope.site.name, "cpu": cpu})
    for time, cpu, old, new in model.hand_offs:
        add("i", f"hand-off to {model.task(new)}", time, where(old), s="t", cat="hand-off",
            args={"cpu": cpu})
    for time, cpu, worker, fn, site in model.stalls:
        add("i", f"stall: {fn} of {site.name}", time, where(worker), s="p", cat="stall",
            args={"cpu": cpu, "place": site.place})
    for begin, end, _, pid in model.parks:
        span("sleeps", "park", begin, end, pid, {})
    for cpu, changes in sorted(model.queue.items()):
        depth = 0
        for time, step in changes:
            depth = max(0, depth + step)
            add("C", "items in the queue", time, {"pid": cpu + 1}, args={"items": depth})
    # What begins first is outside; at the same time, what is longer.
    events.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))

    names = []
    for group in sorted({group for group, _ in threads} | {SCOPES} |
                        {cpu + 1 for cpu in model.queue}):
        name = {CALLERS: "callers", SCOPES: "scopes"}.get(group, f"CPU {group - 1}")
        for key, value in (("process_name", {"name": name}),
                           ("process_sort_index", {"sort_index": group})):
            names.append({"ph": "M", "name": key, "pid": group, "args": value})
    for (group, pid), name in sorted(threads.items()):
        names.append({"ph": "M", "name": "thread_name", "pid": group, "tid": pid,
                      "args": {"name": name}})
    return {"displayTimeUnit": "ns",
            "otherData": {"trace": model.trace.name, "summary": model.counts(),
                          "remarks": model.trace.remarks()},
            "traceEvents": names + events}


# The command


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", metavar="TRACE", help="what was recorded")
    parser.add_argument("--svg", metavar="FILE", default="timeline.svg",
                        help="the picture (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", default="timeline.json",
                        help="for Perfetto (default: %(default)s)")
    parser.add_argument("--title", metavar="TEXT",
                        help="of the picture (default: the name of TRACE)")
    parser.add_argument("--width", type=int, default=1600, metavar="PX",
                        help="of the picture: wider shows more (default: %(default)s)")
    parser.add_argument("--from", dest="begin", type=float, metavar="MS",
                        help="draw from that time of the picture on, in ms")
    parser.add_argument("--to", dest="end", type=float, metavar="MS",
                        help="and until then")
    return parser.parse_args()


def write(path, text):
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadTrace(f"can't write {path}: {error.strerror}") from None


def main():
    args = options()
    try:
        if not 600 <= args.width <= 100000:
            raise BadTrace("--width has to be from 600 to 100000")
        model = Model(read_trace(args.trace))
        if args.title:
            model.trace.name = args.title
        begin, end = model.begin, model.end
        if args.begin is not None:
            begin = model.begin + round(args.begin * 10**6)
        if args.end is not None:
            end = model.begin + round(args.end * 10**6)
        if begin >= end and (args.begin, args.end) != (None, None) or begin > model.end:
            raise BadTrace("nothing is between --from and --to: it takes"
                           f" {(model.end - model.begin) / 10**6:.3f} ms in all")
        for remark in model.trace.remarks():
            print(f"scopex: warning: {args.trace}: {remark}", file=sys.stderr)
        write(args.svg, Picture(model, args.width, begin, end).draw())
        write(args.json, json.dumps(chrome_trace(model), separators=(",", ":")) + "\n")
    except BadTrace as error:
        print(f"scopex: error: {args.trace}: {error}", file=sys.stderr)
        return 1
    print(f"{plural(len(model.trace.events), 'event')}: {model.counts()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
