#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
drgn-fields.py DIR: print where kmod/tools/scopex-drgn.py in the tree DIR differs from the code

The script reads structures by the names of their fields, and has numbers of macros, which
debug information lacks. No compiler sees a difference, and no test without a dump. So compare

    the numbers at its head	with the macros and enumerators of the same name
    its table FIELDS		with the structures
    the fields that it reads	with the table; only the names, as the types are not known
    its strings scopex_...	with all names in the code

and first see that planted differences are found. Part of lint.sh.
"""

import ast
import pathlib
import re
import sys

SCRIPT = "kmod/tools/scopex-drgn.py"

# What the script calls or reads that is of Python, of drgn, or of the kernel.
OTHERS = set(
    "a add address_ address_of_ append basename constant container_of counter errorcode first "
    "function get has_member items join live LookupError member member_ modules ms_since name "
    "next now_ns number Object offset path pop prog release reverse sort split stack task type "
    "value_ values".split()
)

# The script's calls that take the name of a field as a string.
BY_STRING = ("container_of", "member_", "offset", "waiter")


def read(root):
    """The texts of the script, and of all that is compiled, by their names."""
    files = [root / SCRIPT, *root.glob("include/linux/*.h"), *root.glob("kmod/*.[ch]")]
    return {str(file.relative_to(root)): file.read_text() for file in files}


def code(texts):
    """All that is compiled, without comments."""
    text = "\n".join(texts[name] for name in texts if name != SCRIPT)
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def structures(text):
    """The fields of each structure, those of anonymous ones in it included."""
    found = {}
    for match in re.finditer(r"^struct (scopex_\w+) \{\n(.*?)^\}", text, re.M | re.S):
        body = re.sub(r"^#.*$|____cacheline_aligned_in_smp", "", match[2], flags=re.M)
        found[match[1]] = {
            field[1] or field[2]
            for declaration in re.split(r"[;{}]", body)
            if (field := re.search(r"\(\*(\w+)\)|(\w+)(?:\[\w*\])?\s*$", declaration))
        }
    return found


def number(text, name):
    """The value of a macro or an enumerator, or a KeyError."""
    match = re.search(rf"^#define {name}\s+(.+)$|^\s+{name}\s+= ([^,]+)", text, re.M)
    if not match:
        # One of an enum whose enumerators have no values: they are counted.
        match = re.search(rf"^enum \w+ \{{\n((?:\t\w+,\n)*)\t{name},$", text, re.M)
        if not match:
            raise KeyError(name)
        return match[1].count("\n")
    value = re.sub(r"\([\w ]+\*\)", "", match[1] or match[2])
    value = re.sub(r"\b(0x[0-9a-f]+|\d+)U?LL?\b", r"\1", value)
    value = re.sub(r"\bSCOPEX_\w+", lambda inner: str(number(text, inner[0])), value)
    functions = {
        "BIT": lambda bit: 1 << bit,
        "BIT_ULL": lambda bit: 1 << bit,
        "GENMASK_ULL": lambda high, low: (1 << (high + 1)) - (1 << low),
    }
    return eval(value, functions)


def numbers(tree):
    """The names that the script gives numbers, with the number and the line."""
    known = {"bit": lambda bit: 1 << bit}
    for node in tree.body:
        if isinstance(node, ast.Assign) and re.fullmatch(r"[A-Z_]+", node.targets[0].id):
            try:
                value = eval(compile(ast.Expression(node.value), SCRIPT, "eval"), known)
            except NameError:
                continue
            if isinstance(value, int):
                yield node.targets[0].id, value, node.lineno


def number_remarks(tree, text):
    for name, value, line in numbers(tree):
        there = ("__SCOPEX" if name[0] == "_" else "SCOPEX_") + name
        try:
            wanted = number(text, there)
        except KeyError:
            yield line, f"{name}: the code has no {there}"
            continue
        if value != wanted:
            yield line, f"{name} is {value:#x}, but {there} is {wanted:#x}"


def field_remarks(table, line, text):
    there = structures(text)
    for kind, fields in table.items():
        for field in fields.split():
            if field not in there.get(kind, ()):
                yield line, f"FIELDS has {kind}.{field}, which the code has not"


def use_remarks(tree, table, line, text):
    fields = {field for all_of_one in table.values() for field in all_of_one.split()}
    reader = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Scopex"
    )
    own = {node.name for node in reader.body if isinstance(node, ast.FunctionDef)}
    used = set()
    for node in ast.walk(reader):
        if isinstance(node, ast.Attribute):
            used.add(node.attr)
            is_own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not is_own and node.attr not in fields | own | OTHERS:
                yield node.lineno, f"reads .{node.attr}, which FIELDS has not"
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in BY_STRING:
            used.update(arg.value for arg in node.args if isinstance(arg, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = re.fullmatch(r"(struct )?((?:scopex|SCOPEX)_\w+)", node.value)
            if match and not re.search(rf"\b{match[2]}\b", text):
                yield node.lineno, f"{match[2]}: the code has no such name"
            elif match and match[1] and match[2] not in table:
                yield node.lineno, f"uses {node.value}, which FIELDS has not"
    # The script shows all of scopex_config.
    for field in sorted(fields - used - set(table["scopex_config"].split())):
        yield line, f"FIELDS has {field}, which is not read"


def remarks(texts):
    text = code(texts)
    tree = ast.parse(texts[SCRIPT])
    node = next(
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "FIELDS"
    )
    table = ast.literal_eval(node.value)
    found = [
        *number_remarks(tree, text),
        *field_remarks(table, node.lineno, text),
        *use_remarks(tree, table, node.lineno, text),
    ]
    return [f"{SCRIPT}:{line}: {remark}" for line, remark in sorted(found)]


# A file, what is in it, what is to be there instead, and what has to be said then.
PLANTS = (
    ("kmod/state.h", "BIT_ULL(36)", "BIT_ULL(43)", "LIMITED is 0x1000000000, but SCOPEX_LIM"),
    ("kmod/state.h", "__SCOPEX_HIDDEN", "__SCOPEX_SECRET", "the code has no __SCOPEX_HIDDEN"),
    ("kmod/thread.h", "*innermost;", "*inmost;", "FIELDS has scopex_worker.innermost, which"),
    ("kmod/share.c", "struct scopex_loop {", "struct lp {", "FIELDS has scopex_loop.claimed, w"),
    ("kmod/registry.c", "scopex_buckets", "scopex_lists", "scopex_buckets: the code has no su"),
    ("include/linux/scopex_task.h", "\tSCOPEX_TASK_NEW,\n", "", "TASK_WAITING is 0x4, but SCO"),
    (SCRIPT, "w.active", "w.activ", "reads .activ, which FIELDS has not"),
    (SCRIPT, ").outer.value_()", ").own.value_()", "FIELDS has outer, which is not read"),
    (SCRIPT, '"struct scopex_loop"', '"struct scopex_cpus"', "uses struct scopex_cpus, which"),
)


def missed(texts):
    """The planted differences that are not found."""
    for name, old, new, expected in PLANTS:
        planted = texts | {name: texts[name].replace(old, new)}
        if planted == texts or not any(expected in remark for remark in remarks(planted)):
            yield f"does not find {new} instead of {old} in {name}"


if __name__ == "__main__":
    all_texts = read(pathlib.Path(sys.argv[1]))
    for line in [*missed(all_texts), *remarks(all_texts)]:
        print(line)
