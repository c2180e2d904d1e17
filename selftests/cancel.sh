#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what cancels a scope, and what that does
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

ktap_plan 2
suite_load
suite_run cancel
suite_unload
ktap_finish
