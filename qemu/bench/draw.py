# SPDX-License-Identifier: GPL-2.0
"""What make bench plots: data, and scripts for gnuplot, in the directory of the results"""

import os

UNIT = {"path": "instructions", "native": "ns", "shape": "instructions"}


def write(out, name, text):
    with open(os.path.join(out, name), "w") as file:
        file.write(text)


def curves(out, name, title, x, y, series, log="xy"):
    """Curves; series is a dict of lists of (x, low, median, high)"""
    if not series:
        return
    blocks = [f'"{peer}"\n' + "".join(" ".join(f"{v:g}" for v in point) + "\n"
                                      for point in sorted(points))
              for peer, points in series.items()]
    write(out, name + ".dat", "\n\n".join(blocks))
    plots = ", ".join(f'"{name}.dat" index {i} using 1:3:2:4 with yerrorlines title columnheader(1)'
                      for i in range(len(blocks)))
    write(out, name + ".gp", f"""set terminal svg size 900,600 background "white" noenhanced
set output "{name}.svg"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
set logscale {log}
set grid
set key outside
plot {plots}
""")


def bars(out, name, title, y, values):
    """Bars; values is a list of (competitor, figure)"""
    if not values:
        return
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


def point(x, row):
    return x, row["low"], row["median"], row["high"]


def by_peer(rows, x):
    """The rows as curves: for each competitor, figures by x"""
    series = {}
    for row in rows:
        series.setdefault(row["peer"], []).append(point(x(row), row))
    return series


def items(lane, out):
    for place in ("here", "there", "spread"):
        rows = lane.find(workload="items", place=place, what="total")
        if not rows:
            continue
        title, unit = f"no-op items, {place}, end to end", f"{UNIT[lane.name]} per item"
        bars(out, f"{lane.name}-{place}-bars", f"{lane.name}: 1000 {title}", unit,
             [(row["peer"], row["median"]) for row in rows if row["n"] == 1000])
        series = by_peer(rows, lambda row: row["n"])
        # Two points are no curve, where others have more.
        most = max(len(points) for points in series.values())
        curves(out, f"{lane.name}-{place}-n", f"{lane.name}: {title}", "items", unit,
               {peer: points for peer, points in series.items()
                if len(points) > min(2, most - 1)})


def loops(lanes, out):
    """How fast a loop is beside the plain one, in each round, by how long that one takes"""
    series = {}
    for lane in lanes:
        for row in lane.find(workload="sizes", place="even"):
            # With spinning, the others are the same.
            if row["peer"] == "call" or lane.name != "native" and row["peer"] != "scopex_for":
                continue
            plain = lane.row("sizes", "call", "even", row["n"], work_ns=row["work_ns"])
            low, median, high = lane.ratio(plain, row)
            name = row["peer"] if lane.name == "native" else f"{row['peer']}, {lane.name}"
            series.setdefault(name, []).append((plain["median"] / 1000, low, median, high))
    curves(out, "native-loops", "native: loops by 2 CPUs, of a plain loop (bars: 95 % interval)",
           "us that the plain loop takes", "times as fast as the plain loop", series, log="x")


def growth(lane, out):
    """One operation each, by how much there is of something"""
    rows = [row for row in lane.find(workload="growth") if row["what"] != "all"]
    series = {}
    for row in rows:
        what = "submit" if row["place"] == "queue" and row["what"] == "item" else row["what"]
        series.setdefault(f"{what}, {row['place']}", []).append(point(row["n"], row))
    curves(out, "path-growth", "path: growth, by open scopes, nesting, and items in the queue",
           "scopes, levels, or items", "instructions for an operation", series)


def shape(lane, out):
    for workload, place in (("items", "spread"), ("contend", "there")):
        curves(out, f"shape-{workload}", f"shape: {workload}, by the number of CPUs", "CPUs",
               "instructions per item, of all CPUs",
               by_peer(lane.by_cpus(workload, place), lambda row: row["cpus"]))


def all_of(lanes, out):
    for name in ("path", "native"):
        if name in lanes:
            items(lanes[name], out)
    loops([lanes[name] for name in ("native", "spin") if name in lanes], out)
    if "path" in lanes:
        growth(lanes["path"], out)
    if "shape" in lanes:
        shape(lanes["shape"], out)
