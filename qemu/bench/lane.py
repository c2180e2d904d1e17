# SPDX-License-Identifier: GPL-2.0
"""The figures of a lane, as scopex_bench prints them, and how sure a ratio of two is"""

import csv
import random
import statistics
import sys
import typing

# No competitors, but what all of them need.
FLOORS = ("call", "wake")

# Lanes that count instructions.
EXACT = ("path", "shape")

KEYS = ("workload", "peer", "place", "n", "work_ns", "cpus", "what", "unit", "median", "low",
        "high", "rounds", "samples")

# The bootstrap: so many draws, and the part of the medians that is left out on both sides.
DRAWS, TAIL = 10000, 0.025


class Missing(Exception):
    pass


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


class Interval(typing.NamedTuple):
    """A median, and the bounds between which it is with 95 % certainty; all the same if exact"""
    low: float
    median: float
    high: float

    def __str__(self):
        if self.low == self.high:
            return f"{self.median:.4f} x"
        return f"{self.median:.3f} x ({self.low:.3f} to {self.high:.3f})"


def interval(ratios):
    """The median of the rounds' ratios, with bounds by a bootstrap

    Draws as many rounds as there are, with replacement, and takes the median of these, many
    times. The draws are the same in each run of this program.
    """
    draw = random.Random(len(ratios))
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios)))
                     for _ in range(DRAWS))
    edge = int(DRAWS * TAIL)
    return Interval(medians[edge], statistics.median(ratios), medians[-1 - edge])


class Lane:
    """The figures of a lane; also a list of rows for JSON and plots"""

    def __init__(self, name, *paths):
        self.name, self.rows = name, []
        self.exact = name in EXACT
        # What the scheduler adds now and then is no part of a path.
        self.key = "low" if self.exact else "median"
        for path in paths:
            try:
                with open(path, newline="") as file:
                    self.read(file)
            except OSError as error:
                print(f"scopex: error: {error.filename}: {error.strerror}", file=sys.stderr)

    def read(self, file):
        lines = [line for line in file if not line.startswith("workload,peer,")]
        for values in csv.reader(lines):
            if len(values) != len(KEYS):
                # "failed" and why: what follows from it is that figures are missing.
                continue
            row = dict(zip(KEYS, values), lane=self.name)
            for key in ("n", "work_ns", "cpus", "rounds"):
                row[key] = int(row[key])
            for key in ("median", "low", "high"):
                row[key] = float(row[key])
            row["samples"] = [float(sample) for sample in row["samples"].split()]
            self.rows.append(row)

    def find(self, **want):
        return [row for row in self.rows
                if all(row[key] == value for key, value in want.items())]

    def by_cpus(self, workload, place, what="total", **want):
        """The rows of a lane with several numbers of CPUs; with one, all are here"""
        return sorted((row for row in self.find(workload=workload, what=what, **want)
                       if row["place"] == place or
                       (row["cpus"] == 1 and row["place"] == "here")),
                      key=lambda row: row["cpus"])

    def row(self, workload, peer, place="-", n=1000, what="total", **more):
        found = self.find(workload=workload, peer=peer, place=place, n=n, what=what,
                          **{"work_ns": 0, **more})
        if not found:
            raise Missing(f"{self.name}: {workload} {peer} {place} n={n} {what}")
        # Sizes are told by each load of the module.
        return found[-1]

    def get(self, *args, **more):
        return self.row(*args, **more)[self.key]

    def best(self, workload, place, n, prefix=""):
        """The row of the best of the others"""
        found = [row for row in self.find(workload=workload, place=place, n=n, what="total",
                                          work_ns=0)
                 if not row["peer"].startswith("scopex") and row["peer"] not in FLOORS and
                 row["peer"].startswith(prefix)]
        if not found:
            raise Missing(f"{self.name}: {workload} {place} n={n}, others {prefix}")
        return min(found, key=lambda row: row[self.key])

    def ratio(self, row, other, beside=0):
        """What one takes of what the other takes, and of so many ns: within each round"""
        if self.exact:
            ratio = row[self.key] / (other[self.key] + beside)
            return Interval(ratio, ratio, ratio)
        pairs = list(zip(row["samples"], other["samples"]))
        if not pairs or len(row["samples"]) != len(other["samples"]):
            raise Missing(f"{self.name}: {row['workload']}, rounds of {row['peer']} and "
                          f"{other['peer']} that belong together")
        return interval([ours / (theirs + beside) for ours, theirs in pairs])
