#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Mutants of a line each, of every function of scopex.ko, and the report on them.

    campaign.py list TREE [--locks] [--only TEXT] [--sample N [--seed N]]   print names
    campaign.py apply TREE NAME                 change TREE; prints the name of the file
    campaign.py proofs TREE                     the barriers, and the litmus test of each
    campaign.py check TREE                      does selftests/survivors.txt fit TREE?
    campaign.py report TREE VERDICTS            judge a run of qemu/check-mutants.sh

The name of a mutant is "FUNCTION: KIND: TEXT", with " #2" where a function has the same
line twice. TEXT is the code that the mutant changes, with single blanks. KIND is

    drop        a call, an assignment, a goto, a break or a continue goes
    false       a condition of if or while, or what a bool function returns, is false
    true        a condition of if, or what a bool function returns, is true; in both cases
                it is evaluated all the same
    no-error    an error such as -EBUSY becomes 0
    lock        one half of a pair goes, as spin_lock() or preempt_enable()
    barrier     a barrier goes, or an acquire or a release becomes relaxed

A name has no file and no line number, so it survives when code moves. Lines stay lines,
so that a mutant that makes no difference compiles to the same object.

Only a kernel that checks the use of locks notices each lock, so these are a list of their own.

Barriers are not run: hardware that orders loads and stores by itself misses none. A
barrier is proved if the nearest comment above it that names a litmus test ("as in f()"
names those of f) names one whose head has the function, or one that calls it, under
"Models:".

selftests/survivors.txt has the mutants that no test can notice, in groups: names, one a
line, and below them, indented, the reason.
"""

import argparse
import collections
import pathlib
import random
import re
import sys

sys.dont_write_bytecode = True
import mutate  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent

# How many of the mutants that count have to be noticed.
GOAL = 95

# Checks of the callers, which do nothing as long as these are right.
ASSERTIONS = re.compile(r"lockdep_assert_\w+|might_sleep|(VM_)?WARN_ON(_ONCE)?|BUILD_BUG_ON|"
                        r"static_assert|__(acquire|release)s?$")

LOCK = re.compile(r"\w*(spin|mutex|rcu_read|cpus_read)_(un)?lock|preempt_(dis|en)able|"
                  r"local_(bh|irq)_(dis|en)able")

FULL_BARRIER = re.compile(r"(smp_(mb|rmb|wmb|mb__\w+|acquire__after_ctrl_dep)|barrier)$")
WEAKER = {"smp_load_acquire": "READ_ONCE(*{})", "smp_store_release": "WRITE_ONCE(*{})"}
ORDERED = re.compile(r"(\w*(?:xchg|atomic)\w*)_(?:acquire|release)$")

HEADERS = ("if", "while", "for", "switch")
JUMPS = ("goto", "break", "continue")
OPEN, CLOSE = "([{", ")]}"

Mutant = collections.namedtuple("Mutant", "name path start end text proof")


class Function:
    """The mutants of one definition."""

    def __init__(self, definition, text):
        self.path = definition.path
        self.text = text
        self.first = definition.start
        # Both sides of an #if; what is not compiled makes no difference.
        code = re.sub(r"^#.*", lambda line: " " * len(line[0]), definition.text, flags=re.M)
        found = [(token, start + definition.start, end + definition.start)
                 for token, start, end in mutate.tokens(code)]
        self.names = [token for token, *_ in found]
        self.spans = [(start, end) for _, start, end in found]
        head = self.names[:self.names.index("{")]
        self.name = head[head.index("(") - 1]
        self.is_bool = "bool" in head[:head.index("(")]
        self.mutants = []
        self.calls = {a for a, b in zip(self.names, self.names[1:]) if b == "("} - {self.name}

    def end_of(self, at):
        """The index of the bracket that closes the one at this index."""
        depth = 0
        for i in range(at, len(self.names)):
            depth += (self.names[i] in OPEN) - (self.names[i] in CLOSE)
            if not depth:
                return i
        raise mutate.BadMutant(f"{self.name}(): brackets do not match")

    def semicolon(self, at):
        """The index of the semicolon that ends the statement which begins at this index."""
        while self.names[at] != ";":
            at = self.end_of(at) + 1 if self.names[at] in OPEN else at + 1
        return at

    def words(self, first, last):
        """The code from one token to another, with single blanks."""
        code = self.text[self.spans[first][0]:self.spans[last][1]]
        return " ".join(re.sub(mutate.SKIPPED, " ", code, flags=re.S).split())

    def add(self, kind, line, change, new, proof=None):
        """Add a mutant: its kind, the line that names it, the tokens to change, the text."""
        start, end = self.spans[change[0]][0], self.spans[change[1]][1]
        # Lines stay lines.
        new += "\n" * self.text.count("\n", start, end)
        self.mutants.append((f"{self.name}: {kind}: {self.words(*line)}",
                             self.path, start, end, new, proof))

    def add_condition(self, line, first, last, kinds=("false", "true")):
        """What is between two tokens is a condition."""
        code = self.text[self.spans[first][0]:self.spans[last][1]]
        for kind in kinds:
            start, end = self.spans[first][0], self.spans[last][1]
            new = f"(({code}) && 0)" if kind == "false" else f"(({code}) || 1)"
            self.mutants.append((f"{self.name}: {kind}: {self.words(*line)}",
                                 self.path, start, end, new, None))

    def is_assignment(self, first, last):
        """Is the statement between two tokens an assignment, and no declaration?"""
        names = self.names[first:last]
        if names[:2] in (["+", "+"], ["-", "-"]) or names[-2:] in (["+", "+"], ["-", "-"]):
            return True
        signs = [i for i in range(1, len(names) - 1) if names[i] == "=" and
                 names[i - 1] not in ("=", "<", ">", "!") and names[i + 1] != "="]
        if not signs or names[0] == "return":
            return False
        left = names[:signs[0]]
        # "struct foo *p = ..." has two words in a row, "u64 *p = ..." a star after a word.
        return not any(re.match(r"\w", a) and re.match(r"[\w*]", b)
                       for a, b in zip(left, left[1:]))

    def statement(self, at):
        """Add the mutants of a statement without a body; returns where the next one is."""
        end = self.semicolon(at)
        name = self.names[at]
        if name in JUMPS:
            self.add("drop", (at, end), (at, end), ";")
        elif name == "return" and self.is_bool and end > at + 1:
            self.add_condition((at, end), at + 1, end - 1)
        elif self.names[at + 1] == "(" and self.end_of(at + 1) == end - 1:
            if not ASSERTIONS.match(name) and not FULL_BARRIER.match(name):
                kind = "lock" if LOCK.match(name) else "drop"
                self.add(kind, (at, end), (at, end), ";")
        elif self.is_assignment(at, end):
            self.add("drop", (at, end), (at, end), ";")
        return end + 1

    def parts(self, first, last):
        """Add the mutants of parts of the code between two tokens."""
        for at in range(first, last):
            name = self.names[at]
            if name == "-" and re.match(r"E[A-Z]+\d*$", self.names[at + 1]) and \
                    self.names[at - 1] in ("return", "=", "(", ",", "?", ":") and \
                    self.names[at - 2] not in ("=", "!"):
                self.add("no-error", self.line(at), (at, at + 1), "0")
            elif self.names[at + 1] != "(":
                continue
            elif FULL_BARRIER.match(name):
                self.add("barrier", (at, self.end_of(at + 1)), (at, self.end_of(at + 1)),
                         "barrier()", self.proof(at))
            elif name in WEAKER:
                end = self.end_of(at + 1)
                code = self.text[self.spans[at + 2][0]:self.spans[end - 1][1]]
                target, _, value = code.partition(", ")
                new = WEAKER[name].format(f"({target})")
                new = new[:-1] + (f", {value})" if value else ")")
                self.add("barrier", (at, end), (at, end), new, self.proof(at))
            elif ORDERED.match(name):
                base = ORDERED.match(name)[1]
                plain = re.search(r"(read|set)$", base)
                self.add("barrier", (at, self.end_of(at + 1)), (at, at),
                         base if plain else base + "_relaxed", self.proof(at))

    def line(self, at):
        """The first and the last token of the statement that has this token."""
        first = last = at
        while self.names[first - 1] not in ("{", "}", ";", ":"):
            first -= 1
        while self.names[last] != ";" and self.names[last + 1] != "{":
            last += 1
        return first, last

    def proof(self, at):
        """What the nearest comment above names: litmus tests, and functions that name some."""
        start = self.spans[at][0]
        # The comment above the function is in the definition before it.
        above = self.text[self.text.rfind("\n}", 0, self.first) + 1:start]
        for comment in reversed(re.findall(r"/\*.*?\*/", above, re.S)):
            comment = re.sub(r"\s*\n\s*\*\s*", " ", comment)
            named = re.findall(r"([\w-]+)\.litmus|\bas in (\w+)\(\)", comment)
            if named:
                return [test or function for test, function in named]
        return []

    def walk(self):
        """Find the mutants."""
        at = self.names.index("{")
        last = self.end_of(at)
        self.parts(at, last)
        while at < last:
            name, after = self.names[at], self.names[at + 1]
            if name in ("{", "}", ";", "do", "else"):
                at += 1
            elif name in ("case", "default") or after == ":" and re.match(r"\w", name):
                at = self.names.index(":", at) + 1
            elif name in HEADERS or after == "(" and name != "return" and \
                    self.names[self.end_of(at + 1) + 1] not in (";", ".", "-", "=", "["):
                end = self.end_of(at + 1)
                if name in ("if", "while"):
                    self.add_condition((at, end), at + 2, end - 1,
                                       ("false", "true")[:1 + (name == "if")])
                at = end + 1
            else:
                at = self.statement(at)


def models(test):
    """The functions that the head of a litmus test says it models."""
    path = HERE / "litmus" / f"{test}.litmus"
    if not path.exists():
        return []
    found = re.search(r"^ \* Models:(.*(?:\n \*\t.*)*)", path.read_text(), re.M)
    return re.findall(r"(\w+)\(\)", found[1]) if found else []


def prove(functions):
    """Replace what the barriers name by the litmus tests that prove them."""
    named = collections.defaultdict(set)
    callers = collections.defaultdict(set)
    for function in functions:
        for *_, proof in function.mutants:
            named[function.name].update(proof or [])
        for callee in function.calls:
            callers[callee].add(function.name)
    for function in functions:
        where = {function.name} | callers[function.name]
        for i, (*rest, proof) in enumerate(function.mutants):
            if proof is not None:
                tests = {test for word in proof for test in [word, *named[word]]}
                proof = sorted(test for test in tests if where.intersection(models(test)))
                function.mutants[i] = (*rest, proof)


def mutants_of(root):
    """All mutants of the module, as {name: Mutant}; in the order of files and lines."""
    tree = mutate.Tree(sorted((root / "kmod").glob("*.[ch]")))
    functions = [Function(definition, tree.texts[definition.path])
                 for definition in tree.definitions
                 if not definition.is_prototype and "(" in definition.head
                 and not definition.text.startswith("#")]
    for function in functions:
        function.walk()
    prove(functions)
    found = {}
    for function in functions:
        # By their place, for the numbers of equal lines.
        for name, *rest in sorted(function.mutants, key=lambda mutant: mutant[2]):
            again = 1
            unique = name
            while unique in found:
                again += 1
                unique = f"{name} #{again}"
            found[unique] = Mutant(unique, *rest)
    return found


def choose(mutants, count, seed):
    """A sample: of each file as many as of the others, as long as there are any."""
    draw = random.Random(seed)
    files = collections.defaultdict(list)
    for mutant in mutants:
        files[mutant.path].append(mutant)
    for rest in files.values():
        draw.shuffle(rest)
    chosen = []
    while len(chosen) < count and any(files.values()):
        for path in draw.sample(sorted(files), len(files)):
            if files[path] and len(chosen) < count:
                chosen.append(files[path].pop())
    return chosen


def survivors():
    """The mutants that have a reason, as {name: reason}."""
    found, names, reason = {}, [], []
    for line in [*(HERE / "survivors.txt").read_text().splitlines(), "end"]:
        if line.startswith("#") or not line:
            continue
        if line[0].isspace():
            reason.append(line.strip())
            continue
        if reason:
            found.update(dict.fromkeys(names, " ".join(reason)))
            names, reason = [], []
        names.append(line)
    if names != ["end"]:
        raise mutate.BadMutant(f"survivors.txt: no reason for {names[0]}")
    return found


def check(mutants):
    """What is wrong with survivors.txt, and with the barriers; a list of lines."""
    reasons = survivors()
    bad = [f"survivors.txt: there is no such mutant: {name}"
           for name in reasons if name not in mutants]
    for name, mutant in mutants.items():
        if mutant.proof == [] and name not in reasons:
            bad.append(f"no litmus test proves a barrier: {name}")
        if mutant.proof and name in reasons:
            bad.append(f"survivors.txt: {mutant.proof[0]}.litmus proves it: {name}")
    return bad


def report(mutants, verdicts):
    """Print the report; returns the exit status."""
    reasons = survivors()
    rows = collections.defaultdict(collections.Counter)
    bad, lines = [], collections.defaultdict(list)
    for line in verdicts.read_text().splitlines():
        verdict, name, by = line.split("\t")
        if verdict == "survived" and name in reasons:
            verdict = "explained"
        elif verdict == "noticed" and name in reasons:
            bad.append(f"survivors.txt: it is noticed, by {by}: {name}")
        rows[mutants[name].path.name][verdict] += 1
        lines[verdict].append(f"{name}\n    {by}" if by else name)
    total = sum(rows.values(), collections.Counter())
    columns = ("noticed", "survived", "explained", "equivalent", "not-built")
    print(f"{'':16}" + "".join(f"{column:>12}" for column in columns))
    for name, row in [*sorted(rows.items()), ("total", total)]:
        print(f"{name:16}" + "".join(f"{row[column]:12}" for column in columns))
    for verdict in ("survived", "not-built", "noticed"):
        print(f"\n{verdict}:", *lines[verdict], sep="\n  ")
    print()
    for line in bad:
        print(line)
    counted = total["noticed"] + total["survived"]
    share = 100 * total["noticed"] / counted if counted else 0
    print(f"{share:.1f} % of {counted} are noticed; it has to be {GOAL} %")
    return 1 if bad or share < GOAL else 0


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("list", "apply", "proofs", "check", "report"))
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("argument", nargs="?", help="a name, or the file with the verdicts")
    parser.add_argument("--locks", action="store_true", help="those of locks, and no others")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="", help="of names that contain one of these lines")
    args = parser.parse_args()

    mutants = mutants_of(args.tree)
    if args.what == "list":
        chosen = [mutant for name, mutant in mutants.items()
                  if mutant.proof is None and (": lock: " in name) == args.locks
                  and any(text in name for text in args.only.split("\n"))]
        if args.sample:
            chosen = choose(chosen, args.sample, args.seed)
        print(*(mutant.name for mutant in chosen), sep="\n")
    elif args.what == "apply":
        mutant = mutants[args.argument]
        text = mutant.path.read_text()
        mutant.path.write_text(text[:mutant.start] + mutant.text + text[mutant.end:])
        print(mutant.path.name)
    elif args.what == "proofs":
        for name, mutant in mutants.items():
            if mutant.proof is not None:
                print(f"{name}\n    {', '.join(mutant.proof) or 'none'}")
    elif args.what == "check":
        bad = check(mutants)
        for line in bad:
            print(line)
        return 1 if bad else 0
    else:
        return report(mutants, pathlib.Path(args.argument))
    return 0


if __name__ == "__main__":
    sys.exit(main())
