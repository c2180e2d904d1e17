#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# every mistake of a caller: its error, and a warning that names it
. "$(dirname "$0")/suite.sh"

WARNINGS=must
suite_only
