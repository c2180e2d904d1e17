// SPDX-License-Identifier: GPL-2.0
/* The parameters of the module: see config.h */

#include "config.h"

struct scopex_config scopex_config;
