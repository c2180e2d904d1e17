#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# scopes that are left open, items that leave a mess
. "$(dirname "$0")/suite.sh"

# Without tracepoints and the check of items there is nothing to warn of.
WARNINGS=may
suite_only
