/*
 * The record of a set.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"
#include "ns/name-internal.h"
#include "sys/ns.h"
#include "sys/proc.h"

enum { RECORD_LIMIT = 4096 };

/*
 * The record: lines "key=value", the first of which tells its format. A line "net=4026532201 pin" stands
 * for each namespace.
 */

#define FORMAT_LINE	"nskit=1"

enum number {
	KEEPER, KEEPER_START, KEEPER_INODE, MNTNS, PIDNS, OWNER, SINCE,
	REQUIRED, MNTNS_ID = REQUIRED, NETNS_FILE, NUMBERS,	/* from here on where they are known */
};

static const struct {
	const char *key;
	uint64_t most;
} numbers[NUMBERS] = {
	[KEEPER]       = { "keeper",       PID_MOST },
	[KEEPER_START] = { "keeper-start", UINT64_MAX },
	[KEEPER_INODE] = { "keeper-inode", UINT64_MAX },
	[MNTNS]        = { "mntns",        UINT64_MAX },
	[PIDNS]        = { "pidns",        UINT64_MAX },
	[OWNER]        = { "owner",        UINT32_MAX },
	[SINCE]        = { "since",        INT64_MAX },
	[MNTNS_ID]     = { "mntns-id",     UINT64_MAX },
	[NETNS_FILE]   = { "netns-file",   UINT64_MAX },
};

static void record_format(const struct name_set *set, struct strbuf *out)
{
	const uint64_t value[NUMBERS] = {
		[KEEPER] = (uint64_t)set->keeper.pid, [KEEPER_START] = set->keeper.start,
		[KEEPER_INODE] = set->keeper.inode, [MNTNS] = set->mntns, [PIDNS] = set->pidns,
		[OWNER] = set->owner, [SINCE] = (uint64_t)set->since,
		[MNTNS_ID] = set->mntns_id, [NETNS_FILE] = set->netns_file,
	};

	strbuf_addf(out, FORMAT_LINE "\nname=%s\n", set->name);
	for (size_t i = 0; i < NS_TYPES; i++)
		if (set->types & ns_types[i].flag)
			strbuf_addf(out, "%s=%ju %s\n", ns_types[i].name, (uintmax_t)set->inode[i],
				    set->pinned & ns_types[i].flag ? "pin" : "keeper");
	for (size_t i = 0; i < NUMBERS; i++)
		if (i < REQUIRED || value[i])
			strbuf_addf(out, "%s=%" PRIu64 "\n", numbers[i].key, value[i]);
	strbuf_addf(out, "boot=%s\n", set->boot_id);
	if (set->netns[0])
		strbuf_addf(out, "netns=%s\n", set->netns);
}

struct parsing {
	struct name_set *set;
	uint64_t value[NUMBERS];
	bool seen[NUMBERS], name, boot, netns;
};

/* "4026532201 pin" */
static bool parse_namespace(struct parsing *p, const struct ns_type *type, char *value)
{
	char *how = strchr(value, ' ');
	uint64_t inode;

	if (!how || (p->set->types & type->flag))
		return false;
	*how++ = '\0';
	if (str_u64(value, &inode) < 0 || !(streq(how, "pin") || streq(how, "keeper")))
		return false;

	p->set->types |= type->flag;
	if (streq(how, "pin"))
		p->set->pinned |= type->flag;
	p->set->inode[ns_index(type)] = inode;
	return true;
}

static bool parse_number(struct parsing *p, const char *key, const char *value)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		if (!streq(key, numbers[i].key))
			continue;
		if (p->seen[i] || str_u64(value, &p->value[i]) < 0 || p->value[i] > numbers[i].most)
			return false;
		return p->seen[i] = true;
	}
	return false;
}

/* A line that comes once, into OUT of SIZE bytes. */
static bool parse_text(bool *seen, const char *value, char *out, size_t size)
{
	if (*seen || strlen(value) >= size)
		return false;
	memcpy(out, value, strlen(value) + 1);
	return *seen = true;
}

static bool parse_line(struct parsing *p, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return false;
	*value++ = '\0';

	const struct ns_type *type = ns_by_name(line, strlen(line));

	if (type)
		return parse_namespace(p, type, value);
	if (streq(line, "name"))
		return parse_text(&p->name, value, p->set->name, sizeof(p->set->name));
	if (streq(line, "boot"))
		return parse_text(&p->boot, value, p->set->boot_id, sizeof(p->set->boot_id));
	if (streq(line, "netns"))
		return parse_text(&p->netns, value, p->set->netns, sizeof(p->set->netns)) &&
		       nsref_check_name(p->set->netns, NULL) == 0;
	return parse_number(p, line, value);
}

static bool parse_is_whole(const struct parsing *p, const char *name)
{
	for (size_t i = 0; i < REQUIRED; i++)
		if (!p->seen[i])
			return false;
	return p->name && p->boot && streq(p->set->name, name);
}

/* Parse TEXT, which is changed, as the record of NAME. Returns 0, or the number of the line that is wrong
 * (past the last: something is missing). */
static int record_parse(char *text, const char *name, struct name_set *out)
{
	struct parsing p = { .set = out };
	int number = 0;

	*out = (struct name_set){ 0 };
	for (char *line = text, *end; *line; line = end + 1) {
		number++;
		end = strchr(line, '\n');
		if (!end)
			return number;
		*end = '\0';
		if (number == 1 ? !streq(line, FORMAT_LINE) : !parse_line(&p, line))
			return number;
	}
	if (!parse_is_whole(&p, name))
		return number + 1;

	out->keeper = (struct name_keeper){ (pid_t)p.value[KEEPER], p.value[KEEPER_START],
					    p.value[KEEPER_INODE] };
	out->mntns = p.value[MNTNS];
	out->pidns = p.value[PIDNS];
	out->owner = (uid_t)p.value[OWNER];
	out->since = (time_t)p.value[SINCE];
	out->mntns_id = p.value[MNTNS_ID];
	out->netns_file = p.value[NETNS_FILE];
	return 0;
}

/* What holds a namespace yet is not for a hint to remove: a later nskit may have written its record. */
static void hint_removal(const struct rundir *rd, const char *entry, int dir, struct error *e)
{
	_cleanup_strbuf_ struct strbuf path = { 0 };

	for (size_t i = 0; i < NS_TYPES; i++)
		if (entry_is_mount(dir, ns_types[i].name) != 0)
			return;
	strbuf_addf(&path, "%s/%s", rd->path, entry);

	_cleanup_strbuf_ struct strbuf word = { 0 };
	strbuf_add_shell(&word, strbuf_text(&path));
	error_hint(e, "no namespace is mounted in it; type: rm -r %s", strbuf_text(&word));
}

/* Whoever may write there may have put there what never ends, or blocks: a FIFO, a file with a lease. */
static int read_record(int dir, char **text, size_t *length)
{
	_cleanup_close_ int fd = openat(dir, RECORD, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? read_all(fd, RECORD_LIMIT, text, length) : -EINVAL;
}

/* Read the record in DIR, which is ENTRY below RD, of the set NAME. Returns 0 or -errno with E. */
int record_read(const struct rundir *rd, const char *entry, int dir, const char *name,
		       struct name_set *out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = read_record(dir, &text, &length);

	if (r < 0)
		return fail(e, -r, "read %s/%s/" RECORD, rd->path, entry);

	int line = strlen(text) == length ? record_parse(text, name, out) : 1;
	if (line == 0)
		return 0;
	refuse(e, EBADMSG, "%s/%s/" RECORD ": line %d: no record of a set that this nskit could have written",
	       rd->path, entry, line);
	hint_removal(rd, entry, dir, e);
	return -EBADMSG;
}

int name_record(int dir, const struct name_set *set, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	record_format(set, &text);
	if (text.failed)
		return fail(e, ENOMEM, "write the record of %s", set->name);

	/* Renamed when it is whole: whoever sweeps after us must find the old or the new. */
	_cleanup_close_ int fd = openat(dir, RECORD_DRAFT,
					O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write_full(fd, text.text, text.length);

	if (r == 0 && (fchmod(fd, 0444) < 0 || renameat(dir, RECORD_DRAFT, dir, RECORD) < 0))
		r = -errno;
	return r < 0 ? fail(e, -r, "write the record of %s", set->name) : 0;
}
