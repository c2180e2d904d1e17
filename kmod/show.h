/* SPDX-License-Identifier: GPL-2.0 */
/* How names and numbers are shown in the files in debugfs */
#ifndef _SCOPEX_SHOW_H
#define _SCOPEX_SHOW_H

#include <linux/seq_file.h>

#include "place.h"
#include "profile.h"
#include "snapshot.h"

extern const char * const scopex_profile_counts[SCOPEX_PROFILE_COUNTS];
extern const char * const scopex_profile_times[SCOPEX_PROFILE_TIMES];

void scopex_column(struct seq_file *m, const char *text);
void scopex_text(struct seq_file *m, const char *text);
void scopex_place_text(struct seq_file *m, const struct scopex_place *place);
void scopex_site_text(struct seq_file *m, const struct scopex_place *place);
const char *scopex_scope_state(const struct scopex_shown_scope *scope);
void scopex_running_on(struct seq_file *m, const struct scopex_snapshot *snapshot,
		       const struct scopex_shown_scope *scope, int width);
struct scopex_profile *scopex_profile_alloc(void);
bool scopex_profile_used(const struct scopex_profile *profile);
void scopex_config_rows(struct seq_file *m, const char *prefix);

#endif /* _SCOPEX_SHOW_H */
