#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""For make bench: the table of targets, what has grown, JSON, and data to plot.

usage: report.py --out DIR --recorded FILE [--record] LANE...

DIR has path.csv, native.csv and spin.csv, and shape-CPUS.csv, as scopex_bench prints them.
spin.csv is like native.csv, with workers and owners that spin. The lane "hardware" has
native.csv and spin.csv, too. Fails if a figure that is needed for the table, or that is
recorded, is not there.
"""

import argparse
import glob
import json
import os
import re
import sys

sys.dont_write_bytecode = True
import draw
from lane import Interval, Lane, Missing, number

GROWN = 1.02

# Workloads of the path lane whose figures are the same in each run, nearly.
RECORDED = ("empty", "items", "growth", "teardown", "irq")

HEAD = """# Instructions for an operation, by "make bench RECORD=1" (kernel: stock-6.1): the lower
# quartile of the rounds, as the scheduler adds something to some of them.
# "make bench" names what has grown by more than 2 %.
"""


# Each: what is measured, its lane, the target ("<=" or ">=" and a number, or None), and how
# the result comes about, as a number or an interval and what there is to say about it.
def at_most(lane, text, target, get):
    return lane, text, "<=", target, get


def at_least(lane, text, target, get):
    return lane, text, ">=", target, get


def for_comparison(lane, text, get):
    return lane, text, None, None, get


def figure(workload, peer, place="-", unit="instructions", **more):
    def get(lane):
        value = lane.get(workload, peer, place, **more)
        return value, f"{number(value)} {unit}"
    return get


def times_fewer(peer, prefix):
    """How many times as much the best of the others takes, for 1000 items"""
    def get(lane):
        best = lane.best("items", "here", 1000, prefix)
        ratio = lane.ratio(best, lane.row("items", peer, "here"))
        return ratio, f"{ratio.median:.1f} x ({best['peer']}: {number(best[lane.key])})"
    return get


def to_best(workload, place, n):
    """The part that scopex takes of what the best of the others does"""
    def get(lane):
        best, ours = lane.best(workload, place, n), lane.row(workload, "scopex", place, n)
        ratio = lane.ratio(ours, best)
        return ratio, (f"{ratio}; {number(ours[lane.key])}, "
                       f"{best['peer']} {number(best[lane.key])}")
    return get


def scheduler(place):
    """What a thread that is woken and wakes takes, of what scopex does for one item"""
    def get(lane):
        ours, floor = (lane.row("items", peer, place, 1) for peer in ("scopex", "wake"))
        ratio = lane.ratio(floor, ours)
        return ratio, f"{ratio}; {number(floor[lane.key])} of {number(ours[lane.key])}"
    return get


def contended(lane):
    ns = {row["n"] for row in lane.find(workload="contend", peer="scopex")}
    if not ns:
        raise Missing(f"{lane.name}: contend")
    return to_best("contend", "there", ns.pop())(lane)


def percent_of_growth(values, base):
    percent = (max(values) / base - 1) * 100
    return percent, f"{percent:.1f} % ({', '.join(number(value) for value in values)})"


def spread_of(peer, first):
    def get(lane):
        values = [lane.get("items", peer, "here", n) for n in
                  (10, 100, 1000, 10000, 100000, 1000000) if n >= first]
        return percent_of_growth(values, min(values))
    return get


def growth(place, what, first=1):
    """How much more an operation takes where there is more of something"""
    def get(lane):
        rows = lane.find(workload="growth", place=place, what=what)
        values = [row[lane.key] for row in sorted(rows, key=lambda row: row["n"])
                  if row["n"] >= first]
        if len(values) < 2:
            raise Missing(f"{lane.name}: growth {place} {what}")
        return percent_of_growth(values, values[0])
    return get


def growth_of_cpus(workload, place, what="total"):
    """How much more an operation of scopex takes where there are more CPUs, of all of them"""
    def get(lane):
        values = [row[lane.key] for row in lane.by_cpus(workload, place, what, peer="scopex")]
        if len(values) < 2:
            raise Missing(f"{lane.name}: {workload} {place}, two numbers of CPUs")
        return percent_of_growth(values, values[0])
    return get


def shared_loop(lane):
    """What a loop of 10 ms takes beyond the plain one, of all CPUs, by their number"""
    ours, plain = ([row[lane.key] for row in lane.by_cpus("work", "spread", peer=peer,
                                                          work_ns=100000)]
                   for peer in ("scopex_for", "call"))
    if not ours or len(ours) != len(plain):
        raise Missing(f"{lane.name}: work spread")
    beyond = [(shared - alone) * 100 for shared, alone in zip(ours, plain)]
    return max(beyond), f"{', '.join(number(value) for value in beyond)} instructions"


def speed_up(work_ns):
    def get(lane):
        plain, ours = (lane.row("work", peer, "spread", 100, work_ns=work_ns)
                       for peer in ("call", "scopex_for"))
        ratio = lane.ratio(plain, ours)
        return ratio, str(ratio)
    return get


def beyond_plain(n):
    """What a loop that asks for nobody takes, less what the plain loop does"""
    def get(lane):
        plain, ours = (lane.get("empty", peer, n=n) for peer in ("call", "scopex_for"))
        return ours - plain, f"{number(ours - plain)} instructions ({number(ours)} - {number(plain)})"
    return get


def sizes(lane, place, shortest):
    """The rows of loops that plainly take so long at least, in ns, by peer"""
    found = {}
    for row in lane.find(workload="sizes", place=place):
        found.setdefault(row["work_ns"], {})[row["peer"]] = row
    found = [rows for work_ns, rows in sorted(found.items())
             if work_ns >= shortest and {"call", "two", "scopex_for"} <= set(rows)]
    if not found:
        raise Missing(f"{lane.name}: sizes {place}")
    return found


def by_median(found):
    return found[0].median


def beside(peer):
    """What items take while one CPU is busy, of an equal part for each of the others"""
    def get(lane):
        found = {row["peer"]: row for row in lane.find(workload="beside")}
        if not {peer, "call"} <= set(found):
            raise Missing(f"{lane.name}: beside {peer}")
        others = found["call"]["cpus"] - 1
        ratio = lane.ratio(found[peer], found["call"])
        ratio = ratio._make(bound * others for bound in ratio)
        return ratio, str(ratio)
    return get


def never_below(place):
    """The worst of the loops that last for 4 us or longer, beside the plain loop"""
    def get(lane):
        ratio, plain = min(((lane.ratio(rows["call"], rows["scopex_for"]), rows["call"][lane.key])
                            for rows in sizes(lane, place, 4000)), key=by_median)
        return ratio, f"{ratio}, at {plain / 1000:.1f} us"
    return get


def near_two(place, shortest):
    """The worst of the longer loops, beside two threads that are awake, and 20 us"""
    def get(lane):
        ratio, plain = max(((lane.ratio(rows["scopex_for"], rows["two"], beside=20000),
                             rows["call"][lane.key]) for rows in sizes(lane, place, shortest)),
                           key=by_median)
        return ratio, f"{ratio}, at {plain / 1000:.0f} us"
    return get


def switching(lane):
    """What two tasks take that wake each other, of what two threads take"""
    ours, threads = (lane.row("switch", peer, n=2) for peer in ("scopex_task", "kthread"))
    ratio = lane.ratio(ours, threads)
    return ratio, f"{ratio}; {number(ours[lane.key])}, kthread {number(threads[lane.key])}"


def waking(peer, nr_busy):
    """From an interrupt to what it wakes, of what that takes with a thread"""
    def get(lane):
        place = "busy" if nr_busy else "idle"
        ours, thread = (lane.row("irq", name, place, nr_busy) for name in (peer, "kthread"))
        ratio = lane.ratio(ours, thread)
        return ratio, f"{ratio}; {number(ours[lane.key])}, kthread {number(thread[lane.key])}"
    return get


def section(place, what):
    """How late an interrupt or a thread is at worst while a million sleepers wake up"""
    def get(lane):
        many, few = (lane.get("latency", "scopex", place, n, what) for n in (1000000, 1000))
        return many, f"{number(many)} instructions, with 1,000 {number(few)}"
    return get


def known_section(lane):
    irq, preempt = (lane.get("latency", "scopex", "known_" + what, 50000, what)
                    for what in ("irq", "preempt"))
    return max(irq, preempt), f"{number(irq)}; {number(preempt)}"


def teardown(lane):
    counted = lane.get("teardown", "refcounted", n=1000000)
    scoped = lane.get("teardown", "scopex", n=1000000)
    return counted / scoped, f"{counted / scoped:.0f} x ({number(counted)} against {number(scoped)})"


def verity_row(lane, peer, cpus):
    found = lane.find(workload="verity", peer=peer, cpus=cpus)
    if not found:
        raise Missing(f"{lane.name}: verity {peer} on {cpus} CPU(s)")
    return found[0]


def verity_ratio(lane, row, other):
    ratio = lane.ratio(row, other)
    return ratio, f"{ratio}; {number(row[lane.key])} and {number(other[lane.key])} per block"


def verity(peer, cpus, other, other_cpus):
    """What one way to build a tree takes of what another one takes"""
    def get(lane):
        return verity_ratio(lane, verity_row(lane, peer, cpus), verity_row(lane, other, other_cpus))
    return get


TARGETS = (
    at_most("path", "no-op item of 1000, end to end", 74, figure("items", "scopex", "here")),
    at_least("path", "  kthread_worker takes", 5, times_fewer("scopex", "kthread_worker")),
    at_least("path", "  a workqueue takes", 12, times_fewer("scopex", "wq_")),
    at_most("path", "the same by scopex_submit_array()", 42,
            figure("items", "scopex_array", "here")),
    at_least("path", "  kthread_worker takes", 9, times_fewer("scopex_array", "kthread_worker")),
    at_least("path", "  a workqueue takes", 20, times_fewer("scopex_array", "wq_")),
    at_most("path", "submit alone", 37, figure("items", "scopex", "here", what="submit")),
    at_most("path", "an item for any CPU, end to end", 88, figure("items", "scopex_any", "here")),
    at_most("path", "  submit alone", 43, figure("items", "scopex_any", "here", what="submit")),
    at_most("path", "one item there and back, of the best peer's", 0.9,
            to_best("items", "here", 1)),
    for_comparison("path", "  the scheduler's part, of scopex's", scheduler("here")),
    at_most("path", "empty scope", 40, figure("empty", "scopex", n=0)),
    at_most("path", "empty loop", 250, figure("empty", "scopex_for", n=0)),
    at_most("path", "loop over one number, beyond a plain one", 80, beyond_plain(1)),
    at_most("path", "loop over 1000 that asks nobody, the same", 160, beyond_plain(1000)),
    at_most("path", "growth per item, n from 10 to 1000000, %", 15, spread_of("scopex", 10)),
    for_comparison("path", "  n from 1000", spread_of("scopex", 1000)),
    at_most("path", "items where 1 to 10000 scopes are open: growth, %", 5,
            growth("scopes", "item")),
    at_most("path", "  loops", 5, growth("scopes", "loop")),
    at_most("path", "  to cancel one of them", 5, growth("scopes", "cancel")),
    at_most("path", "items in 1 to 100 nested scopes: growth, %", 5, growth("nesting", "item")),
    at_most("path", "  loops", 5, growth("nesting", "loop")),
    at_most("path", "  to cancel the innermost", 5, growth("nesting", "cancel")),
    at_most("path", "  to cancel the outermost, each of 10 or 100", 5, growth("nesting", "all", 10)),
    at_most("path", "submit, 1 to 1000000 items queued: growth, %", 5, growth("queue", "item")),
    at_most("path", "  loops", 5, growth("queue", "loop")),
    at_most("path", "  to cancel the scope of these items", 5, growth("queue", "cancel")),
    at_most("path", "  to complete each cancelled item", 5, growth("queue", "all")),
    at_most("shape", "items here, by the number of CPUs: growth, %", 5,
            growth_of_cpus("items", "here")),
    at_most("shape", "  submit to all CPUs, end to end", 15,
            growth_of_cpus("items", "spread")),
    at_most("shape", "  two submitters on each CPU, all to one", 15,
            growth_of_cpus("contend", "there")),
    at_most("shape", "  loops that ask nobody", 5, growth_of_cpus("growth", "scopes", "loop")),
    at_most("shape", "  to cancel a scope", 5, growth_of_cpus("growth", "scopes", "cancel")),
    for_comparison("shape", "  a loop of 10 ms, beyond a plain one", shared_loop),
    at_least("path", "teardown of 1000000: reference-counted takes", 30, teardown),
    at_most("path", "two tasks that wake each other, of two threads", 0.1, switching),
    at_most("native", "  the same", 0.05, switching),
    at_most("path", "a task makes way for another one", 150,
            figure("yield", "scopex_task", n=2)),
    at_most("path", "an interrupt to a task, CPU idle, of a thread's", 1.1,
            waking("scopex_task", 0)),
    for_comparison("path", "  by an event", waking("scopex_event", 0)),
    at_most("path", "  one item runs there again and again", 1.1, waking("scopex_task", 1)),
    at_most("path", "  items that begin before the task", 1,
            figure("irq", "scopex_task", "busy", n=1, what="items", unit="item")),
    for_comparison("path", "  with eight such items",
                   figure("irq", "scopex_task", "busy", n=8, what="items", unit="items")),
    for_comparison("path", "  with eight, of a thread's",
                   waking("scopex_task", 8)),
    at_most("path", "1000000 sleepers cancelled: interrupts off", 50000, section("cancel", "irq")),
    at_most("path", "  preemption off", 50000, section("cancel", "preempt")),
    at_most("path", "1000000 sleepers expire: interrupts off", 50000, section("expire", "irq")),
    at_most("path", "  preemption off", 50000, section("expire", "preempt")),
    for_comparison("path", "  a section of 50,000 of either kind is seen as", known_section),
    for_comparison("path", "  100000 cancelled, in a kernel that is not preempted",
                   figure("latency", "scopex", "cancel", n=100000, what="resched")),
    at_most("path", "bytes of a task that sleeps, with its timer", 128,
            figure("size", "scopex_task", n=1, what="size", unit="bytes")),
    at_most("path", "sizeof(struct scopex_work)", 32,
            figure("size", "scopex_work", n=1, what="size", unit="bytes")),
    at_most("path", "sizeof(struct scopex_scope)", 96,
            figure("size", "scopex_scope", n=1, what="size", unit="bytes")),
    at_most("spin", "one item to another CPU and back, of the best peer's", 0.3,
            to_best("items", "there", 1)),
    for_comparison("native", "  without spinning", to_best("items", "there", 1)),
    for_comparison("native", "  the scheduler's part, of scopex's", scheduler("there")),
    at_most("native", "4 submitters to one CPU, of the best peer's", 0.2, contended),
    at_most("native", "1000 items for any CPU, each", 60,
            figure("items", "scopex_any", "spread", unit="ns")),
    at_most("native", "40 items beside a long one, of the ideal", 1.6, beside("scopex_any")),
    for_comparison("native", "  an unbound workqueue's", beside("wq_unbound")),
    at_least("native", "100 us in a loop over 2 CPUs: speed-up", 1.7, speed_up(1000)),
    at_least("spin", "  with spinning", 1.7, speed_up(1000)),
    at_least("native", "10 us in a loop over 2 CPUs: speed-up", 1.2, speed_up(100)),
    at_least("spin", "  with spinning", 1.2, speed_up(100)),
    at_least("native", "loops from 4 us on, beside plain ones", 0.97, never_below("even")),
    at_least("native", "  with work that rises", 0.97, never_below("rising")),
    at_least("spin", "  with spinning", 0.97, never_below("even")),
    at_most("native", "loops from 200 us on, of two threads and 20 us", 1.1,
            near_two("even", 200000)),
    at_most("native", "  with work that rises, from 512 us on", 1.1,
            near_two("rising", 512000)),
    at_most("path", "verity tree, of a plain loop's", 1.005, verity("scopex_for", 1, "plain", 1)),
    at_most("path", "  by items", 1.005, verity("scopex_items", 1, "plain", 1)),
    at_least("native", "verity tree, speed of two independent threads'", 0.97,
             verity("apart", 2, "scopex_for", 2)),
    for_comparison("native", "  a workqueue's", verity("apart", 2, "workqueue", 2)),
    for_comparison("native", "  kthread_worker's", verity("apart", 2, "kthread_worker", 2)),
    for_comparison("native", "  async's", verity("apart", 2, "async", 2)),
    for_comparison("native", "  of a plain loop's", verity("plain", 1, "scopex_for", 2)),
    for_comparison("native", "  veritysetup takes, of a plain loop",
                   verity("veritysetup", 1, "plain", 1)),
)


def verdict(low, high, sign, target):
    """Where the target is between the bounds of the result, this run can't tell"""
    met = [value <= target if sign == "<=" else value >= target for value in (low, high)]
    return "met" if all(met) else "unclear" if any(met) else "not met"


def judge(lanes, partial):
    """The table of targets; each with its result, unless its lane was not asked for"""
    table = []
    for lane, text, sign, target, get in TARGETS:
        row = {"what": text, "lane": lane, "target": target and f"{sign} {target}"}
        if lane in lanes:
            try:
                value, said = get(lanes[lane])
                low, value, high = value if isinstance(value, Interval) else (value,) * 3
                row.update(value=round(value, 4), low=round(low, 4), high=round(high, 4),
                           result=said)
                if target:
                    row["verdict"] = verdict(low, high, sign, target)
            except Missing as missing:
                row.update(result=f"missing: {missing}", verdict="-" if partial else "MISSING")
        else:
            row.update(result="lane not run", verdict="-")
        table.append(row)
    return table


def print_targets(table):
    print(f"{'what':<53} {'lane':<7}{'target':<9}{'verdict':<9}result")
    for row in table:
        print(f"{row['what']:<53} {row['lane']:<7}{row['target'] or '-':<9}"
              f"{row.get('verdict', '-'):<9}{row['result']}")
    print()


def print_items(lane, unit, note):
    """1000 items and one, of all competitors"""
    places = [place for place in ("here", "there", "spread")
              if lane.find(workload="items", place=place)]
    print(f"{lane.name}: {unit}; {note}")
    print(f"{'':<16}" + "".join(f"{'1 ' + p:>13}{'1000 ' + p:>13}{'submit':>10}" for p in places))
    for peer in dict.fromkeys(row["peer"] for row in lane.find(workload="items")):
        line = f"{peer:<16}"
        for place in places:
            for n, what, width in ((1, "total", 13), (1000, "total", 13), (1000, "submit", 10)):
                found = lane.find(workload="items", peer=peer, place=place, n=n, what=what)
                line += f"{found[0][lane.key]:>{width},.1f}" if found else f"{'-':>{width}}"
        print(line)
    print()


NATIVE = """2 CPUs, KERNEL=uml: what disables interrupts is dearer
there than on hardware, which makes the others, that lock, look worse than they are; to wake
another CPU is a signal between threads, and much dearer for all"""
HARDWARE = "all CPUs of this machine"


def recordable(lane):
    return {".".join(str(row[key]) for key in ("workload", "peer", "place", "n", "what")):
            row[lane.key] for row in lane.rows
            if row["workload"] in RECORDED and row["place"] != "busy" and
            re.fullmatch("scopex(_(array|any|for|task|event))?", row["peer"])}


def read_recorded(path):
    try:
        with open(path) as file:
            lines = [line.split() for line in file if line.strip() and line[0] != "#"]
        return {name: float(value) for name, value in lines}
    except OSError as error:
        raise Missing(f"{path}: {error.strerror}") from None
    except ValueError:
        raise Missing(f"{path}: a line is not \"NAME VALUE\"") from None


def guard(lane, path):
    """Names what has grown; returns that, and what is missing"""
    recorded, now = read_recorded(path), recordable(lane)
    grown, missing = [], sorted(set(recorded) - set(now))
    for name in sorted(recorded):
        if name in now and now[name] > recorded[name] * GROWN:
            grown.append({"name": name, "recorded": recorded[name], "now": now[name]})
            print(f"GROWN {name}: {recorded[name]:g} to {now[name]:g} instructions, "
                  f"+{(now[name] / recorded[name] - 1) * 100:.1f} %")
    for name in missing:
        print(f"MISSING {name}: recorded, but not measured")
    for name in sorted(set(now) - set(recorded)):
        print(f"new: {name} is not recorded: {now[name]:g} instructions")
    print(f"{len(grown)} of {len(recorded)} recorded figures have grown by more than 2 %\n")
    return grown, missing


def print_shape(lane):
    cpus = sorted({row["cpus"] for row in lane.rows if row["cpus"]})
    print("shape: instructions per item, of all CPUs together, by the number of CPUs")
    print(f"{'':<24}" + "".join(f"{number:>10}" for number in cpus))
    for workload, place in (("items", "spread"), ("contend", "there")):
        rows = lane.by_cpus(workload, place)
        for peer in dict.fromkeys(row["peer"] for row in rows):
            found = {row["cpus"]: f"{row[lane.key]:,.0f}" for row in rows if row["peer"] == peer}
            print(f"{workload + ' ' + peer:<24}" +
                  "".join(f"{found.get(number, '-'):>10}" for number in cpus))
    print()


def read_lanes(names, out):
    def lane(name, *files):
        return Lane(name, *(os.path.join(out, file) for file in files or (name + ".csv",)))

    lanes = {}
    for name in names:
        if name == "shape":
            lanes[name] = lane(name, *sorted(glob.glob("shape-*.csv", root_dir=out)))
        elif name == "path":
            lanes[name] = lane(name)
        else:
            lanes.update((name, lane(name)) for name in ("native", "spin"))
    return lanes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--recorded", required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("lanes", nargs="+", choices=("path", "native", "shape", "hardware"))
    args = parser.parse_args()

    lanes, grown, bad = read_lanes(args.lanes, args.out), [], False
    if "path" in lanes:
        lane = lanes["path"]
        print_items(lane, "instructions per item", "one emulated CPU; the lower quartile of the rounds")
        try:
            if args.record and lane.rows:
                with open(args.recorded, "w") as file:
                    file.write(HEAD)
                    file.writelines(f"{name} {value:g}\n"
                                    for name, value in sorted(recordable(lane).items()))
            grown, missing = guard(lane, args.recorded)
            bad |= bool(missing)
        except Missing as missing:
            print(f"MISSING {missing}\n")
            bad = True
    if "native" in lanes:
        print_items(lanes["native"], "ns per item", HARDWARE if "hardware" in args.lanes else NATIVE)
        print("A ratio is the median of the rounds, with the interval that has it with 95 % "
              "certainty.\n")
    if "shape" in lanes:
        print_shape(lanes["shape"])
    bad |= not all(lane.rows for lane in lanes.values())

    # A machine may have one CPU, and no data for a verity tree.
    table = judge(lanes, "hardware" in args.lanes)
    print_targets(table)
    bad |= any(row.get("verdict") == "MISSING" for row in table)
    draw.all_of(lanes, args.out)
    draw.write(args.out, "results.json", json.dumps({
        "version": 1, "targets": table, "grown": grown,
        "figures": [row for lane in lanes.values() for row in lane.rows],
    }, indent=1) + "\n")
    return 1 if bad else 0


sys.exit(main())
