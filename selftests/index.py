#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the tables of hazards/README.md and litmus/README.md.

    index.py            write them
    index.py --check    only say which are not up to date

The table of hazards is written by hand as far as its third column; the rest of it comes
from the mutants. The table of litmus tests comes from their heads.
"""

import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import mutate  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class BadIndex(Exception):
    """What is wrong with a head or a table, in one line."""


def field(name, head, needed=True):
    """The value of a field of a head, which may go on in indented lines."""
    found = re.search(rf"^{name}:[ \t]*(.*(?:\n[ \t].*)*)", head, re.M)
    if not found and needed:
        raise BadIndex(f"no {name}:")
    return " ".join(found[1].split()) if found else ""


def coded(words):
    """The words as code, in a cell of a table."""
    return ", ".join(f"`{word}`" for word in words)


def short(path):
    """The path of a file of the code, without what goes without saying."""
    kmod = HERE.parent / "kmod"
    return str(path.relative_to(kmod)) if path.is_relative_to(kmod) else path.name


class Hazard:
    """What the mutants say of a hazard."""

    def __init__(self):
        self.mutants = 0
        self.tests = set()
        self.names = {}

    def add(self, code, path):
        """Add a mutant."""
        self.mutants += 1
        head, _, body = path.read_text().partition("\n\n")
        self.tests.update(field("Run", head).split())
        for change in mutate.parse(body):
            for file, *_ in change.apply(code):
                self.names.setdefault(short(file), set()).add(change.name)

    def cells(self):
        """The columns that are not written by hand."""
        where = "; ".join(f"{file}: {coded(sorted(names))}"
                          for file, names in sorted(self.names.items()))
        return f"{where} | {' '.join(sorted(self.tests))} | {self.mutants} |"


def hazards(text):
    """The README of hazards, with the rest of each row."""
    code = mutate.code_of(HERE.parent)
    found = {}
    for path in sorted(HERE.glob("hazards/*.mutant")):
        number = field("Hazard", path.read_text()).split()[0]
        if not path.name.startswith(f"{int(number):02}-"):
            raise BadIndex(f"{path.name} is about hazard {number}")
        try:
            found.setdefault(number, Hazard()).add(code, path)
        except mutate.BadMutant as bad:
            raise BadIndex(f"{path.name}: {bad}") from bad

    def row(match):
        if match[2] not in found:
            raise BadIndex(f"hazard {match[2]} has no mutant")
        return f"{match[1]} {found.pop(match[2]).cells()}"

    text = re.sub(r"^(\| (\d+) \|[^|\n]*\|[^|\n]*\|).*$", row, text, flags=re.M)
    if found:
        raise BadIndex(f"hazard {', '.join(found)} is not in the table")
    return text


def litmus(text):
    """The README of litmus tests, with all of its rows."""
    rows = []
    for path in sorted(HERE.glob("litmus/*.litmus")):
        head = re.sub(r"^ \* ?", "", path.read_text().partition("\n *)")[0], flags=re.M)
        try:
            functions = re.findall(r"\w+\(\)", field("Models", head))
            twins = [name for name, *_ in mutate.twins_of(path)]
            rows.append(f"| {path.stem} | {field('Proves', head)} | "
                        f"{coded(dict.fromkeys(functions))} | "
                        f"{field('Hazard', head, needed=False) or '-'} | {', '.join(twins)} |\n")
        except (BadIndex, mutate.BadMutant) as bad:
            raise BadIndex(f"{path.name}: {bad}") from bad
    return re.sub(r"(^\|[-|]+\|\n)(?:\|.*\n)*", lambda rule: rule[1] + "".join(rows), text,
                  count=1, flags=re.M)


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    args = parser.parse_args()

    status = 0
    for write in (hazards, litmus):
        path = HERE / write.__name__ / "README.md"
        text = path.read_text()
        try:
            new = write(text)
        except BadIndex as bad:
            print(f"{path}: {bad}")
            status = 1
            continue
        if not args.check:
            path.write_text(new)
        elif new != text:
            print(f"{path}: not up to date; run selftests/index.py")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
