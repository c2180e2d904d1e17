#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive who submits them
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

ktap_plan 2
suite_load
suite_run detach
suite_unload
ktap_finish
