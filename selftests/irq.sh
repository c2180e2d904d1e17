#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# submits from interrupts and atomic context
. "$(dirname "$0")/suite.sh"

suite_only
