#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what cancels a scope, and what that does
. "$(dirname "$0")/suite.sh"

suite_only
