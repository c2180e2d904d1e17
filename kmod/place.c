// SPDX-License-Identifier: GPL-2.0
/* Names of call sites and functions, which stay when their module goes */

#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/scopex.h>

#include "place.h"

/**
 * scopex_place_of() - copy the name and the place of a call site
 * @place: stores the copy
 * @site: the site
 *
 * Context: any, as long as the site's module can't go.
 */
void scopex_place_of(struct scopex_place *place, const struct scopex_site *site)
{
	strscpy(place->name, site->name, sizeof(place->name));
	strscpy(place->func, site->func, sizeof(place->func));
	strscpy(place->file, kbasename(site->file), sizeof(place->file));
	place->line = site->line;
}

/**
 * scopex_name_fn() - copy the name of a function
 * @name: stores the name, or "-" where the kernel knows no name: users see no address
 * @size: the size of @name
 * @fn: the function, or NULL
 *
 * Context: any, as long as the function's module can't go.
 */
void scopex_name_fn(char *name, size_t size, void *fn)
{
	if (fn)
		snprintf(name, size, "%ps", fn);
	if (!fn || !strncmp(name, "0x", 2))
		strscpy(name, "-", size);
}
