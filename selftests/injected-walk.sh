#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the same as walk.sh, with windows of the protocol held open by injected delays
WALK_LOAD=suite_load_injected
. "$(dirname "$0")/walk.sh"
