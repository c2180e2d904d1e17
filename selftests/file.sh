#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks wait in wait queues, and for files and sockets
. "$(dirname "$0")/suite.sh"

suite_open_files
suite_only
