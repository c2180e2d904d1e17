#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""For make bench: the table of targets, what has grown, JSON, and data to plot.

usage: report.py --out DIR --recorded FILE [--record] LANE...

DIR has path.csv, native.csv and spin.csv, and shape-CPUS.csv, as scopex_bench prints them.
spin.csv is like native.csv, with workers and owners that spin. Fails if a
figure that is needed for the table, or that is recorded, is not there.
"""

import argparse
import csv
import glob
import json
import os
import re
import sys

GROWN = 1.02

# No competitors, but what all of them need.
FLOORS = ("call", "wake")

# Workloads of the path lane whose figures are the same in each run, nearly.
RECORDED = ("empty", "items", "teardown")

HEAD = """# Instructions for an operation, by "make bench RECORD=1" (kernel: stock-6.1): the lower
# quartile of the rounds, as the scheduler adds something to some of them.
# "make bench" names what has grown by more than 2 %.
"""


class Missing(Exception):
    pass


class Lane:
    """The figures of a lane; also a list of rows for JSON and plots"""

    def __init__(self, name, path):
        self.name, self.rows = name, []
        # What the scheduler adds now and then is no part of a path.
        self.key = "low" if name == "path" else "median"
        try:
            with open(path, newline="") as file:
                lines = [line for line in file if not line.startswith("workload,peer,")]
        except OSError as error:
            print(f"scopex: error: {error.filename}: {error.strerror}", file=sys.stderr)
            return
        keys = ("workload", "peer", "place", "n", "work_ns", "cpus", "what", "unit",
                "median", "low", "high", "rounds")
        for values in csv.reader(lines):
            row = dict(zip(keys, values))
            if len(values) != len(keys):
                # "failed" and why: what follows from it is that figures are missing.
                continue
            for key in ("n", "work_ns", "cpus", "rounds"):
                row[key] = int(row[key])
            for key in ("median", "low", "high"):
                row[key] = float(row[key])
            row["lane"] = name
            self.rows.append(row)

    def find(self, **want):
        return [row for row in self.rows
                if all(row[key] == value for key, value in want.items())]

    def get(self, workload, peer, place="-", n=1000, what="total", work_ns=0):
        found = self.find(workload=workload, peer=peer, place=place, n=n, what=what,
                          work_ns=work_ns)
        if not found:
            raise Missing(f"{self.name}: {workload} {peer} {place} n={n} {what}")
        # Sizes are told by each load of the module.
        return found[-1][self.key]

    def best(self, workload, place, n, prefix=""):
        """The best of the others, by name and figure"""
        found = [(row[self.key], row["peer"])
                 for row in self.find(workload=workload, place=place, n=n, what="total",
                                      work_ns=0)
                 if not row["peer"].startswith("scopex") and row["peer"] not in FLOORS and
                 row["peer"].startswith(prefix)]
        if not found:
            raise Missing(f"{self.name}: {workload} {place} n={n}, others {prefix}")
        return min(found)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


# Each: what is measured, its lane, the target ("<=" or ">=" and a number, or None), and how
# the result comes about, as a number and what there is to say about it.
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
        value, name = lane.best("items", "here", 1000, prefix)
        ours = lane.get("items", peer, "here")
        return value / ours, f"{value / ours:.1f} x ({name}: {number(value)})"
    return get


def to_best(workload, place, n):
    """The part that scopex takes of what the best of the others does"""
    def get(lane):
        value, name = lane.best(workload, place, n)
        ours = lane.get(workload, "scopex", place, n)
        return ours / value, f"{ours / value:.3f} x ({number(ours)}; {name}: {number(value)})"
    return get


def scheduler(place):
    """What a thread that is woken and wakes takes, of what scopex does for one item"""
    def get(lane):
        ours, floor = (lane.get("items", peer, place, 1) for peer in ("scopex", "wake"))
        return floor / ours, f"{floor / ours:.3f} x ({number(floor)} of {number(ours)})"
    return get


def contended(lane):
    ns = {row["n"] for row in lane.find(workload="contend", peer="scopex")}
    if not ns:
        raise Missing("native: contend")
    return to_best("contend", "there", ns.pop())(lane)


def spread_of(peer, first):
    def get(lane):
        values = [lane.get("items", peer, "here", n) for n in
                  (10, 100, 1000, 10000, 100000, 1000000) if n >= first]
        percent = (max(values) / min(values) - 1) * 100
        return percent, f"{percent:.0f} % ({', '.join(number(value) for value in values)})"
    return get


def speed_up(work_ns):
    def get(lane):
        plain = lane.get("work", "call", "spread", 100, work_ns=work_ns)
        ours = lane.get("work", "scopex_for", "spread", 100, work_ns=work_ns)
        return plain / ours, f"{plain / ours:.2f} x"
    return get


def beyond_plain(n):
    """What a loop that asks for nobody takes, less what the plain loop does"""
    def get(lane):
        plain, ours = (lane.get("empty", peer, n=n) for peer in ("call", "scopex_for"))
        return ours - plain, f"{number(ours - plain)} instructions ({number(ours)} - {number(plain)})"
    return get


def sizes(lane, place, shortest, longest):
    """The times of loops that plainly take so long, in ns: plain, by two threads, by scopex"""
    found = {}
    for row in lane.find(workload="sizes", place=place):
        found.setdefault(row["work_ns"], {})[row["peer"]] = row[lane.key]
    found = [times for work_ns, times in sorted(found.items())
             if shortest <= work_ns <= longest and len(times) == 3]
    if not found:
        raise Missing(f"{lane.name}: sizes {place}")
    return [(times["call"], times["two"], times["scopex_for"]) for times in found]


def never_below(place):
    """The worst of the loops that last for 4 us or longer, beside the plain loop"""
    def get(lane):
        ratio, plain = min((plain / ours, plain)
                           for plain, _, ours in sizes(lane, place, 4000, 1e9))
        return ratio, f"{ratio:.3f} x (at {plain / 1000:.1f} us)"
    return get


def near_two(place, shortest):
    """The worst of the longer loops, beside two threads that are awake, and 20 us"""
    def get(lane):
        ratio, plain = max((ours / (two + 20000), plain)
                           for plain, two, ours in sizes(lane, place, shortest, 1e9))
        return ratio, f"{ratio:.2f} x (at {plain / 1000:.0f} us)"
    return get


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
    ours, theirs = row[lane.key], other[lane.key]
    return ours / theirs, f"{ours / theirs:.4f} x ({number(ours)} and {number(theirs)} per block)"


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
    at_most("path", "one item there and back, of the best peer's", 0.9,
            to_best("items", "here", 1)),
    for_comparison("path", "  the scheduler's part, of scopex's", scheduler("here")),
    at_most("path", "empty scope", 40, figure("empty", "scopex", n=0)),
    at_most("path", "empty loop", 250, figure("empty", "scopex_for", n=0)),
    at_most("path", "loop over one number, beyond a plain one", 80, beyond_plain(1)),
    at_most("path", "loop over 1000 that asks nobody, the same", 160, beyond_plain(1000)),
    at_most("path", "growth per item, n from 10 to 1000000, %", 15, spread_of("scopex", 10)),
    for_comparison("path", "  n from 1000", spread_of("scopex", 1000)),
    at_least("path", "teardown of 1000000: reference-counted takes", 30, teardown),
    at_most("path", "sizeof(struct scopex_work)", 32,
            figure("size", "scopex_work", n=1, what="size", unit="bytes")),
    at_most("path", "sizeof(struct scopex_scope)", 96,
            figure("size", "scopex_scope", n=1, what="size", unit="bytes")),
    at_most("spin", "one item to another CPU and back, of the best peer's", 0.3,
            to_best("items", "there", 1)),
    for_comparison("native", "  without spinning", to_best("items", "there", 1)),
    for_comparison("native", "  the scheduler's part, of scopex's", scheduler("there")),
    at_most("native", "4 submitters to one CPU, of the best peer's", 0.2, contended),
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


def judge(lanes):
    """The table of targets; each with its result, unless its lane was not asked for"""
    table = []
    for lane, text, sign, target, get in TARGETS:
        row = {"what": text, "lane": lane, "target": target and f"{sign} {target}"}
        if lane in lanes:
            try:
                value, said = get(lanes[lane][0])
                row.update(value=round(value, 4), result=said)
                if target:
                    met = value <= target if sign == "<=" else value >= target
                    row["verdict"] = "met" if met else "not met"
            except Missing as missing:
                row.update(result=f"missing: {missing}", verdict="MISSING")
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


def recordable(lane):
    return {".".join(str(row[key]) for key in ("workload", "peer", "place", "n", "what")):
            row[lane.key] for row in lane.rows
            if row["workload"] in RECORDED and
            re.fullmatch("scopex(_(array|any|for))?", row["peer"])}


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


def write(out, name, text):
    with open(os.path.join(out, name), "w") as file:
        file.write(text)


def plot(out, name, title, x, y, series, log_x=True):
    """Curves; series is a dict of lists of (x, low, median, high)"""
    blocks = [f'"{peer}"\n' + "".join(" ".join(f"{v:g}" for v in point) + "\n" for point in points)
              for peer, points in series.items()]
    write(out, name + ".dat", "\n\n".join(blocks))
    curves = ", ".join(f'"{name}.dat" index {i} using 1:3:2:4 with yerrorlines title columnheader(1)'
                       for i in range(len(blocks)))
    write(out, name + ".gp", f"""set terminal svg size 900,600 background "white" noenhanced
set output "{name}.svg"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
{'set logscale x' if log_x else ''}
set logscale y
set grid
set key outside
plot {curves}
""")


def bars(out, name, title, y, values):
    """Bars; values is a list of (competitor, submit or None, total)"""
    write(out, name + ".dat", "".join(f'"{peer}" {total:g}\n' for peer, total in values))
    write(out, name + ".gp", f"""set terminal svg size 900,600 background "white" noenhanced
set output "{name}.svg"
set title "{title}"
set ylabel "{y}"
set logscale y
set style fill solid 0.6
set boxwidth 0.7
set xtics rotate by -35
set rmargin 10
set yrange [*:{2 * max(total for peer, total in values):g}]
set grid ytics
plot "{name}.dat" using 0:2:xtic(1) with boxes notitle, \\
     "{name}.dat" using 0:2:(sprintf("%.0f", column(2))) with labels offset 0,0.7 notitle
""")


def plots(lanes, out):
    unit = {"path": "instructions", "native": "ns", "shape": "emulated ns"}
    for name in ("path", "native"):
        for place in ("here", "there", "spread"):
            for lane in lanes.get(name, ()):
                rows = lane.find(workload="items", place=place, what="total")
                if not rows:
                    continue
                bars(out, f"{name}-{place}-bars", f"{name}: 1000 no-op items, {place}, end to end",
                     f"{unit[name]} per item",
                     [(row["peer"], row["median"]) for row in rows if row["n"] == 1000])
                series = {}
                for row in sorted(rows, key=lambda row: row["n"]):
                    series.setdefault(row["peer"], []).append(
                        (row["n"], row["low"], row["median"], row["high"]))
                # Two points are no curve, where others have more.
                most = max(len(points) for points in series.values())
                series = {peer: points for peer, points in series.items()
                          if len(points) > min(2, most - 1)}
                plot(out, f"{name}-{place}-n", f"{name}: no-op items, {place}, end to end", "items",
                     f"{unit[name]} per item", series)
    for workload, place in (("items", "spread"), ("contend", "there")):
        series = {}
        for lane in sorted(lanes.get("shape", ()), key=lambda lane: lane.cpus):
            # With one CPU, all places are the same.
            for row in lane.find(workload=workload, what="total",
                                 place=place if lane.cpus > 1 else "here"):
                series.setdefault(row["peer"], []).append(
                    (lane.cpus, row["low"], row["median"], row["high"]))
        if series:
            plot(out, f"shape-{workload}", f"shape: {workload}, by the number of CPUs", "CPUs",
                 "emulated ns per item", series)


def print_shape(lanes):
    lanes = sorted(lanes, key=lambda lane: lane.cpus)
    print("shape: emulated ns per item, by the number of CPUs; how it grows, not how much it is")
    print(f"{'':<24}" + "".join(f"{lane.cpus:>10}" for lane in lanes))
    for workload, place in (("items", "spread"), ("contend", "there")):
        for peer in dict.fromkeys(row["peer"] for lane in lanes
                                  for row in lane.find(workload=workload)):
            line = f"{workload + ' ' + peer:<24}"
            for lane in lanes:
                found = lane.find(workload=workload, peer=peer, what="total",
                                  place=place if lane.cpus > 1 else "here")
                line += f"{found[0]['median']:>10,.0f}" if found else f"{'-':>10}"
            print(line)
    print()


def read_lanes(names, out):
    lanes = {}
    for name in names:
        if name == "shape":
            files = glob.glob(os.path.join(glob.escape(out), "shape-*.csv"))
            lanes[name] = []
            for path in files:
                lane = Lane("shape", path)
                lane.cpus = int(re.search(r"-(\d+)\.csv$", path).group(1))
                lanes[name].append(lane)
        else:
            lanes[name] = [Lane(name, os.path.join(out, name + ".csv"))]
    if "native" in names:
        lanes["spin"] = [Lane("spin", os.path.join(out, "spin.csv"))]
    return lanes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--recorded", required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("lanes", nargs="+", choices=("path", "native", "shape"))
    args = parser.parse_args()

    lanes, grown, bad = read_lanes(args.lanes, args.out), [], False
    if "path" in lanes:
        lane = lanes["path"][0]
        print_items(lane, "instructions per item", "one emulated CPU; the lower quartile of the rounds")
        try:
            if args.record:
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
        load = os.path.join(args.out, "native.load")
        if os.path.exists(load):
            with open(load) as file:
                print(f"native: this machine's load when it began, which should be 0: "
                      f"{file.read().strip()}")
        print_items(lanes["native"][0], "ns per item", "2 CPUs, KERNEL=uml: what disables "
                    "interrupts is dearer\nthere than on hardware, which makes the others, that "
                    "lock, look worse than they are; to wake\nanother CPU is a signal between "
                    "threads, and much dearer for all")
    if "shape" in lanes:
        print_shape(lanes["shape"])
        bad |= not lanes["shape"]
    for lane in (lane for some in lanes.values() for lane in some):
        bad |= not lane.rows

    table = judge(lanes)
    print_targets(table)
    bad |= any(row.get("verdict") == "MISSING" for row in table)
    plots(lanes, args.out)
    write(args.out, "results.json", json.dumps({
        "version": 1, "targets": table, "grown": grown,
        "figures": [row for some in lanes.values() for lane in some for row in lane.rows],
    }, indent=1) + "\n")
    return 1 if bad else 0


sys.exit(main())
