// SPDX-License-Identifier: GPL-2.0
/* The data of each CPU; see cpu.h */

#include "cpu.h"

DEFINE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);
