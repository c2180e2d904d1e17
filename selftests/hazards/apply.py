#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Apply mutants: take a rule out of the code.

    apply.py TREE MUTANT            change TREE
    apply.py --check TREE MUTANT... does each of them apply to TREE? Changes nothing

A mutant (selftests/hazards/*.mutant) has a head (see qemu/check-hazards.sh), an empty
line, and then changes:

    @@ scopex_hand_over()
    -	struct llist_node *rest = w->rest;
    +	struct llist_node *rest = NULL;

"@@" names the definition to change: "name()" for a function or a macro with arguments,
"struct name" (enum, union), or "name" for a variable, a constant or a trace event. The
lines below it are those of a unified diff: removed, added, or context, which is only
needed where the removed lines alone stand several times in the definition, or to say
where to add. A definition may be changed several times, under an "@@" each; all changes
of a mutant are found in the code as it is without the mutant. An added "#include <...>"
goes to the others of the file that has the definition, in alphabetical order.

A change names no file, no line number and no comment: the definition is searched in all
of kmod/ and include/, and what is compared are the tokens of C. So a mutant survives
when code moves to another file, when lines are wrapped in another way, and when comments
are rewritten. It has to fit in exactly one place; anything else is an error.

Why not semantic patches, as coccinelle has them: a rule that fits nowhere, or in two
places, is no error there; functions that spatch can't parse are passed over without a
word; attributes, directives and bodies of macros can't be changed; and all mutants take
minutes rather than a second or two.
"""

import argparse
import pathlib
import re
import sys

SKIPPED = r"//[^\n]*|/\*.*?\*/"
TOKEN = re.compile(SKIPPED + r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\w+|\\\n|[^\s]""", re.S)
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
        self._text = text[start:end]
        self._tokens = None

    def find(self, old):
        """Where in the file are the tokens? A list of their (start, end) for each place."""
        if self._tokens is None:
            self._tokens = tokens(self._text)
        names = [token for token, *_ in self._tokens]
        return [[(self.start + start, self.start + end)
                 for _, start, end in self._tokens[at:at + len(old)]]
                for at in range(len(names) - len(old) + 1)
                if names[at] == old[0] and names[at:at + len(old)] == old]


class Tree:
    """The code that mutants apply to."""

    def __init__(self, root):
        self.texts = {}
        self.definitions = []
        for path in sorted(path for folder in ("kmod", "include")
                           for path in (pathlib.Path(root) / folder).rglob("*.[ch]")):
            self.texts[path] = text = path.read_text()
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


def parse(path):
    """The changes of a mutant."""
    changes = []
    _, _, body = ("\n" + path.read_text()).partition("\n\n")
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


def mutate(tree, path):
    """The changed files of a mutant, as {path: text}."""
    edits = sorted(edit for change in parse(path) for edit in change.apply(tree))
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


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which do not apply")
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("mutants", type=pathlib.Path, nargs="+", metavar="mutant")
    args = parser.parse_args()
    if len(args.mutants) > 1 and not args.check:
        parser.error("one mutant at a time")

    tree = Tree(args.tree)
    status = 0
    for mutant in args.mutants:
        try:
            texts = mutate(tree, mutant)
        except BadMutant as bad:
            print(f"{mutant}: {bad}")
            status = 1
            continue
        if not args.check:
            for path, text in texts.items():
                path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
