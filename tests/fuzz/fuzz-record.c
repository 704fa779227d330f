/*
 * Records in the run directory, of a named set and of a mark: any text is read or refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/io.h"
#include "net/mark.h"
#include "ns/name-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* A directory with the record in it: made once, gone with the process. */
static int directory(void)
{
	static int dir = -1;
	char path[] = "/tmp/fuzz-record.XXXXXX";

	if (dir < 0) {
		expect(mkdtemp(path) != NULL);
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	expect(dir >= 0);
	return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_mark_ struct mark_record mark = MARK_RECORD_NONE;
	struct rundir rd = { .path = "/run/nskit", .dir = directory(), .lock = -1 };
	_cleanup_close_ int fd = openat(rd.dir, RECORD, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct name_set set;
	struct error e = { 0 };
	int rc;

	expect(fd >= 0 && write_full(fd, data, size) == 0);
	rc = record_read(&rd, "red", rd.dir, "red", &set, &e);
	expect(rc == 0 ? streq(set.name, "red") && strnlen(set.boot_id, sizeof(set.boot_id)) < sizeof(set.boot_id)
		       : e.text[0] != '\0');
	if (mark_parse(text, &mark) == 0)
		expect(mark.mark && mark.pidns);
	for (size_t i = 0; i < mark.group_count; i++)
		expect(strnlen(mark.group[i].name, IFNAMSIZ) < IFNAMSIZ);
	return 0;
}
