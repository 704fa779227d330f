/*
 * Lab files: any text is read or refused, with the line where it is wrong.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "topology/netfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum netfile_use use = NETFILE_MAKE; use <= NETFILE_DELETE; use++) {
		_cleanup_netplan_ struct netplan np = { 0 };
		_cleanup_free_ char *text = malloc(size + 1);
		struct error e = { 0 };
		int rc;

		memcpy(text, data, size);
		text[size] = '\0';
		rc = netfile_read(text, size, use, &np, &e);
		expect(rc == 0 || (e.status == EXIT_USAGE && strncmp(e.text, "line ", 5) == 0));
	}
	return 0;
}
