#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Look at what scopex-timeline has written: is it what browsers and Perfetto take?

    check.py PICTURE.svg TRACE.json

prints how many there are of each class of elements, and of each kind of events; "bars"
are the items and chunks, also where several are merged into one element, "elements"
what is drawn. Or it says what is wrong, and returns 1.
"""

import json
import re
import sys
import xml.etree.ElementTree
from collections import Counter

SVG = "{http://www.w3.org/2000/svg}"
HOVER = {"item", "chunk", "many", "scope", "scopes", "cancel", "hand", "stall", "out"}


class Wrong(Exception):
    pass


def expect(is_so, what):
    if not is_so:
        raise Wrong(what)


def check_shape(element, width, height):
    kind = element.get("class").split(" ")[0]
    if element.tag == SVG + "rect":
        x, y = float(element.get("x")), float(element.get("y"))
        w, h = float(element.get("width")), float(element.get("height"))
        expect(x >= 0 and w >= 0 and h > 0 and y >= 0 and x + w <= width + 10 and
               y + h <= height, f"{kind} at {x} {y} is not in the picture")
    title = element.find(SVG + "title")
    expect(kind not in HOVER or (title is not None and title.text),
           f"{kind} says nothing when hovered over")
    return kind


def bars_of(element):
    """How many items and chunks an element stands for."""
    kind = element.get("class").split(" ")[0]
    if kind != "many":
        return kind in ("item", "chunk")
    said = element.find(SVG + "title").text.split(" in ")[0]
    return sum(int(number) for number in re.findall(r"(\d+) (?:item|chunk)", said))


def check_picture(path):
    """Count the classes in the chart; the signs that explain it are no part of that."""
    root = xml.etree.ElementTree.parse(path).getroot()
    expect(root.tag == SVG + "svg", "not an SVG")
    width, height = float(root.get("width")), float(root.get("height"))
    counts = Counter()

    def walk(element):
        if element.get("class") == "signs":
            return
        if element.get("class") and element.tag != SVG + "text":
            counts[check_shape(element, width, height)] += 1
            counts["bars"] += bars_of(element)
            counts["elements"] += 1
        for child in element:
            walk(child)

    walk(root)
    texts = "\n".join(element.text or "" for element in root.iter(SVG + "text"))
    expect("call site" in texts, "no legend")
    for text in root.iter(SVG + "text"):
        if "warning" in (text.get("class") or ""):
            counts["warning"] += 1
    return counts


def check_nesting(spans):
    """What is on one thread is within each other or apart."""
    spans.sort(key=lambda span: (span[0], -span[1]))
    outer = []
    for begin, end, name in spans:
        while outer and outer[-1][0] <= begin:
            outer.pop()
        expect(not outer or end <= outer[-1][0],
               f"{name} at {begin / 1000} us is half in {outer[-1][1] if outer else ''}")
        outer.append((end, name))


def check_events(path):
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    counts, spans, flows, asyncs, named = Counter(), {}, {}, {}, set()
    for event in data["traceEvents"]:
        kind = event["ph"]
        expect(isinstance(event["name"], str) and isinstance(event["pid"], int),
               f"no name or pid: {event}")
        if kind == "M":
            if event["name"] == "thread_name":
                named.add((event["pid"], event["tid"]))
            continue
        expect(event["ts"] >= 0, f"before the beginning: {event}")
        time = round(event["ts"] * 1000)
        thread = event["pid"], event.get("tid")
        counts[f"{kind}:{event.get('cat', '')}".rstrip(":")] += 1
        if kind == "X":
            expect(event["dur"] >= 0, f"ends before it begins: {event}")
            spans.setdefault(thread, []).append(
                (time, time + round(event["dur"] * 1000), event["name"]))
        elif kind in "be":
            asyncs.setdefault((event["cat"], event["id"]), []).append((kind, time))
        elif kind in "sf":
            flows.setdefault(event["id"], []).append((kind, time, thread))
        elif kind == "i":
            expect(event["s"] in "tpg", f"an instant without a scope: {event}")
        else:
            expect(kind == "C", f"an event of no kind: {event}")
    for key, pair in asyncs.items():
        pair.sort(key=lambda end: (end[1], end[0]))
        expect([kind for kind, _ in pair] == ["b", "e"], f"no pair: {key} {pair}")
    for key, pair in flows.items():
        pair.sort(key=lambda end: (end[1], end[0] != "s"))
        expect([kind for kind, *_ in pair] == ["s", "f"], f"no pair: flow {key}")
        for _, time, thread in pair:
            expect(any(begin <= time <= end for begin, end, _ in spans.get(thread, ())),
                   f"flow {key} has nothing at {time / 1000} us")
    for thread, of_thread in spans.items():
        expect(thread in named, f"thread {thread} has no name")
        # Where events are missing, ends are guessed.
        if not data["otherData"]["remarks"]:
            check_nesting(of_thread)
    return counts


def main():
    try:
        counts = check_picture(sys.argv[1]) + check_events(sys.argv[2])
    except (Wrong, KeyError, ValueError, xml.etree.ElementTree.ParseError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    print(" ".join(f"{name}={number}" for name, number in sorted(counts.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
