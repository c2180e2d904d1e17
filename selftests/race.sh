#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the races, as a stress test: see injected.sh for the delays
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

ktap_plan 2
# Without looks at open scopes, which would wake an owner whose wake-up is lost.
suite_load stall_ms=0
suite_run race
suite_unload
ktap_finish
