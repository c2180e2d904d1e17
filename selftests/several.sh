#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the first of several awaits, and all of several
. "$(dirname "$0")/suite.sh"

WARNINGS=must
suite_only
