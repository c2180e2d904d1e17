#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0
"""
Show a script another memory than there is, for qemu/check-postmortem.sh

    LIE=circle drgn -c vmcore -s FILE... lie.py SCRIPT [OPTION]...

The dump is of a kernel that hangs in qemu/postmortem/hang/.
"""

import os
import runpy
import sys

from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.percpu import per_cpu

NOWHERE = 0x5A5A5A5A5A5A5A5A


def pretend(prog, address, data):
    prog.add_memory_segment(
        address,
        len(data),
        lambda address, count, offset, physical: data[offset : offset + count],
    )


def pretend_word(prog, place, word):
    pretend(prog, place.address_, word.to_bytes(8, sys.byteorder))


def listed(head):
    for scope in hlist_for_each_entry("struct scopex_scope", head.address_of_(), "node"):
        yield scope
        yield from listed(scope.children)


def scopes(prog):
    return {
        scope.site.name.string_().decode(): scope
        for bucket in prog["scopex_buckets"]
        for scope in listed(bucket.scopes)
    }


def circle(prog):
    node = per_cpu(prog["scopex_cpus"], 1).queue
    pretend_word(prog, node.next.next.next, node.value_())


def nowhere(prog):
    pretend_word(prog, scopes(prog)["limited"].node.next, NOWHERE)


def none(prog):
    pretend_word(prog, scopes(prog)["limited"].state.counter, NOWHERE)


def owner(prog):
    pretend_word(prog, scopes(prog)["turns"].owner, NOWHERE)


def nested(prog):
    pretend_word(prog, scopes(prog)["outer"].parent, scopes(prog)["inner"].value_())


def unloaded(prog):
    for module in list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
        if module.name.string_() == b"scopex":
            pretend(prog, module.name.address_, b"others")


LIES = {
    "circle": circle,
    "nowhere": nowhere,
    "none": none,
    "owner": owner,
    "nested": nested,
    "unloaded": unloaded,
}

# drgn has made it.
prog = globals()["prog"]
LIES[os.environ["LIE"]](prog)
del sys.argv[0]
runpy.run_path(sys.argv[0], init_globals={"prog": prog}, run_name="__main__")
