#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the races, as a stress test: see injected.sh for the delays
. "$(dirname "$0")/suite.sh"

# Without looks at open scopes, which would wake an owner whose wake-up is lost.
suite_only stall_ms=0
