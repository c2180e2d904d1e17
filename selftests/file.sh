#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks wait in wait queues, for files and sockets, and for RCU grace periods
. "$(dirname "$0")/suite.sh"

suite_open_files
suite_only
