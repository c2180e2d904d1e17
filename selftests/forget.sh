#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# scopes that are left open, items that leave a mess
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

ktap_plan 2
suite_load
suite_run forget
suite_unload
ktap_finish
