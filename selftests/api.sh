#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what each call promises
. "$(dirname "$0")/suite.sh"

suite_only
