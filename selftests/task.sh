#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks wait without a thread, and are woken
. "$(dirname "$0")/suite.sh"

suite_only
