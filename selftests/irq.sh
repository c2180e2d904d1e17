#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# submits from interrupts and atomic context
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

ktap_plan 2
suite_load
suite_run irq
suite_unload
ktap_finish
