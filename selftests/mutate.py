#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Take a rule out of the code, or out of a litmus test.

    mutate.py TREE MUTANT             change TREE
    mutate.py --check TREE MUTANT...  does each mutant fit TREE? Changes nothing
    mutate.py --twins DIR LITMUS...   write the twins of litmus tests into DIR

A mutant (selftests/hazards/*.mutant) has a head (see qemu/check-hazards.sh), an empty
line, and then changes:

    @@ scopex_hand_over()
    -	struct llist_node *rest = w->rest;
    +	struct llist_node *rest = NULL;

"@@" names the definition to change: "name()" for a function or a macro with arguments,
"struct name" (enum, union), or "name" for a variable, a constant or a trace event. The
lines below it are those of a unified diff: removed, added, or context. Context is only
needed where the removed lines stand several times in the definition, or to say where to
add. A definition may be changed several times, under an "@@" each; all changes of a
mutant are found in the code as it is without the mutant. An added "#include <...>" goes
to the others of the file that has the definition, in alphabetical order.

A change names no file, no line number and no comment: the definition is searched in all
of kmod/ and include/, and the tokens of C are compared. So a mutant survives when code
moves to another file, when lines are wrapped in another way, and when comments are
rewritten. It has to fit in exactly one place; anything else is an error.

Why not semantic patches, as coccinelle has them: a rule that fits nowhere, or in two
places, is no error there; functions that spatch can't parse are passed over without a
word; attributes, directives and bodies of macros can't be changed; and all mutants take
minutes, not seconds.

The twins of NAME.litmus stand in NAME.twins, each with a head that begins with "Twin:",
an empty line, and changes to the processes of the test, as "@@ P0()". The one with
"Twin: WHAT" is written as NAME.broken-WHAT.litmus. Its head has what NAME.litmus says
under "Models:", and the fields of its own.
"""

import argparse
import pathlib
import re
import sys

SKIPPED = r"//[^\n]*|/\*.*?\*/"
TOKEN = re.compile(SKIPPED + r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\w+|\\\n|[^\s]""", re.S)
# A definition begins in the first column, where there may be labels as well.
BEGIN = re.compile(r"^(?:#[ \t]*define\b|(?!\w+:$)[A-Za-z_])", re.M)
INCLUDE = re.compile(r"^#include <.*>\n", re.M)


class BadMutant(Exception):
    """What is wrong with a mutant, in one line."""


def is_comment(token):
    """Is it one?"""
    return token.startswith(("//", "/*"))


def tokens(text):
    """The tokens of C in the text, without comments, as (token, start, end)."""
    return [(found[0], *found.span()) for found in TOKEN.finditer(text)
            if not is_comment(found[0])]


class Definition:
    """A definition, or another part of a file that begins in the first column."""

    def __init__(self, path, text, start, end):
        self.path = path
        self.start = start
        self.head = re.split("[{;=]", text[start:end], maxsplit=1)[0]
        self.is_prototype = "{" not in text[start:end] and text[start] != "#"
        self.text = text[start:end]
        self._tokens = None

    def find(self, old):
        """Where in the file are the tokens? A list of their (start, end) for each place."""
        if self._tokens is None:
            self._tokens = tokens(self.text)
        names = [token for token, *_ in self._tokens]
        return [[(self.start + start, self.start + end)
                 for _, start, end in self._tokens[at:at + len(old)]]
                for at in range(len(names) - len(old) + 1)
                if names[at] == old[0] and names[at:at + len(old)] == old]


class Tree:
    """Files that mutants or twins apply to."""

    def __init__(self, paths):
        self.texts = {path: path.read_text() for path in paths}
        self.definitions = []
        for path, text in self.texts.items():
            # What is in a comment defines nothing.
            code = TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0])
                             if is_comment(found[0]) else found[0], text)
            starts = [found.start() for found in BEGIN.finditer(code)] + [len(code)]
            self.definitions += [Definition(path, code, start, end)
                                 for start, end in zip(starts, starts[1:])]

    def named(self, name):
        """The definitions with this name, as a mutant has it; several, if #if chooses."""
        if name.endswith("()"):
            head = re.compile(rf"\b{name[:-2]}\s*\(")
            return [definition for definition in self.definitions
                    if head.search(definition.head) and not definition.is_prototype]
        head = re.compile(rf"\b{name}\b" + (r"\s*$" if " " in name else ""))
        return [definition for definition in self.definitions if head.search(definition.head)]


class Change:
    """What follows one "@@"."""

    def __init__(self, name, lines):
        self.name = name
        self.includes = [line[1:] for line in lines if line.startswith("+#include")]
        lines = [line for line in lines if not line.startswith("+#include")]
        old = [line for line in lines if line[0] != "+"]
        text = "\n".join(line[1:] for line in old)
        found = tokens(text)
        self.old = [token for token, *_ in found]
        self.edits = []
        # Of each run of changed lines: which tokens go, and what comes in their place.
        at = line = 0
        new, changed = [], False
        first = 0
        for mark in [*lines, " "]:
            if mark[0] == " " and changed:
                self.edits.append((first, at, new))
                new, changed = [], False
            if mark[0] != " " and not changed:
                first, changed = at, True
            if mark[0] == "+":
                new.append(mark[1:])
            else:
                line += 1
                while at < len(found) and text.count("\n", 0, found[at][1]) < line:
                    at += 1

    def apply(self, tree):
        """The replacements, as (path, start, end, text)."""
        if not self.old:
            raise BadMutant(f"@@ {self.name}: says not where")
        definitions = tree.named(self.name)
        if not definitions:
            raise BadMutant(f"@@ {self.name}: there is no such definition")
        places = [(definition.path, place) for definition in definitions
                  for place in definition.find(self.old)]
        if len(places) != 1:
            raise BadMutant(f"@@ {self.name}: fits in {len(places)} places, not in one: "
                            + " ".join(self.old[:12]))
        path, place = places[0]
        text = tree.texts[path]
        for first, end, new in self.edits:
            yield (path, *replacement(text, place, first, end, new))
        for include in self.includes:
            yield (path, *(2 * [include_at(text, include)]), include + "\n")


def include_at(text, include):
    """Where an #include goes."""
    others = list(INCLUDE.finditer(text))
    if not others:
        raise BadMutant(f"no place for {include}")
    return next((other.start() for other in others if other[0] > include), others[-1].end())


def replacement(text, place, first, end, new):
    """The (start, end, text) that replaces tokens of a place, with whole lines if it can."""
    lines = "".join(line + "\n" for line in new)
    if first == end:
        if first:
            start = place[first - 1][1]
            rest = re.compile(rf"(?<=\n)|[ \t]*(?:{SKIPPED})?[ \t]*\n", re.S).match(text, start)
            return (rest.end(), rest.end(), lines) if rest else (start, start, "\n" + lines)
        start = place[0][0]
        line = text.rfind("\n", 0, start) + 1
        return (line, line, lines) if text[line:start].isspace() or line == start else \
            (start, start, lines)
    start, end = place[first][0], place[end - 1][1]
    line = text.rfind("\n", 0, start) + 1
    # The newline after a backslash is a part of that token.
    rest = re.compile(r"(?<=\n)|[ \t]*\n").match(text, end)
    if rest and not text[line:start].strip():
        return line, rest.end(), lines
    return start, end, lines.strip()


def parse(body):
    """The changes of a mutant or a twin, from what stands below its head."""
    changes = []
    for line in body.splitlines():
        if line.startswith("@@ "):
            changes.append((line[3:], []))
        elif line and line[0] not in " +-" or line and not changes:
            raise BadMutant(f"neither context nor a change: {line}")
        elif changes:
            changes[-1][1].append(line or " ")
    if not changes:
        raise BadMutant("changes nothing")
    return [Change(name, lines) for name, lines in changes]


def mutate(tree, body):
    """The files that the changes of a mutant or a twin change, as {path: text}."""
    edits = sorted(edit for change in parse(body) for edit in change.apply(tree))
    for before, after in zip(edits, edits[1:]):
        if before[0] == after[0] and before[2] > after[1]:
            raise BadMutant(f"two changes of the same lines of {before[0]}")
    texts = {}
    for path, start, end, new in reversed(edits):
        text = texts.get(path, tree.texts[path])
        texts[path] = text[:start] + new + text[end:]
    if all(text == tree.texts[path] for path, text in texts.items()):
        raise BadMutant("changes nothing")
    return texts


def code_of(root):
    """All code of the project."""
    return Tree(sorted(path for folder in ("kmod", "include")
                       for path in (root / folder).rglob("*.[ch]")))


def mutant_of(code, path):
    """What a mutant changes, as mutate() has it."""
    return mutate(code, ("\n" + path.read_text()).partition("\n\n")[2])


def twins_of(path):
    """The twins of a litmus test, as (name, head, body) each."""
    source = path.with_suffix(".twins")
    if not source.exists():
        return []
    before, *twins = re.split(r"^Twin: (.*)\n", source.read_text(), flags=re.M)
    if before or len(set(twins[::2])) < len(twins[::2]):
        raise BadMutant("the twins do not begin with a name of their own")
    return [(name, *rest.partition("\n\n")[::2])
            for name, rest in zip(twins[::2], twins[1::2])]


def write_twins(path, folder):
    """Write the twins of a litmus test into a folder."""
    test = Tree([path])
    models = re.search(r"^ \* Models:.*\n(?: \*\t.*\n)*", test.texts[path], re.M)
    for name, head, body in twins_of(path):
        try:
            text = mutate(test, body)[path]
        except BadMutant as bad:
            raise BadMutant(f"{name}: {bad}") from bad
        twin = f"{path.stem}.broken-{name}"
        head = (models[0] if models else "") + \
            "".join(f" * {line}\n" for line in head.splitlines())
        text = re.sub(r"^C .*\n\n\(\*\n.*?^ \*\)", lambda _: f"C {twin}\n\n(*\n{head} *)",
                      text, count=1, flags=re.M | re.S)
        (folder / f"{twin}.litmus").write_text(text)


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say which mutants do not fit")
    what.add_argument("--twins", action="store_true", help="write the twins of litmus tests")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+", metavar="file")
    args = parser.parse_args()
    if len(args.files) > 1 and not (args.check or args.twins):
        parser.error("one mutant at a time")

    code = None if args.twins else code_of(args.folder)
    status = 0
    for file in args.files:
        try:
            if args.twins:
                write_twins(file, args.folder)
                continue
            texts = mutant_of(code, file)
        except BadMutant as bad:
            print(f"{file}: {bad}")
            status = 1
            continue
        if not args.check:
            for path, text in texts.items():
                path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
