/*
 * The mark of a transaction; see mark.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/memory.h"
#include "net/mark.h"
#include "net/veth.h"
#include "ns/name.h"
#include "sys/ns.h"

#define PREFIX		".links-"
#define FORMAT_LINE	"nskit links 1\n"

enum { RECORD_MOST = 16 << 20, TRIES = 16 };

_Static_assert(MARK_FATE_AT == sizeof(FORMAT_LINE) - 1, "the fate stands in the second line");

/* Of one length: one takes the place of the other. */
static const char *const fates[] = { [MARK_DELETE] = "fate=delete\n", [MARK_KEEP] = "fate=keep  \n" };

static const char *file_name(uint32_t mark, char *buffer, size_t size)
{
	snprintf(buffer, size, PREFIX "%" PRIu32, mark);
	return buffer;
}

/*
 * the record
 */

int mark_add_netns(struct mark_record *r, ino_t netns)
{
	if (array_grow(&r->netns, r->netns_count, &r->netns_room, sizeof(*r->netns)) < 0)
		return -ENOMEM;
	r->netns[r->netns_count++] = netns;
	return 0;
}

int mark_add_group(struct mark_record *r, ino_t netns, const char *name, uint32_t group)
{
	struct mark_group *g;

	if (array_grow(&r->group, r->group_count, &r->group_room, sizeof(*r->group)) < 0)
		return -ENOMEM;
	g = &r->group[r->group_count++];
	*g = (struct mark_group){ .netns = netns, .group = group };
	snprintf(g->name, sizeof(g->name), "%s", name);
	return 0;
}

void mark_free(struct mark_record *r)
{
	r->fd = close_fd(r->fd);
	free(r->netns);
	free(r->group);
	*r = (struct mark_record)MARK_RECORD_NONE;
}

/* Whether FD, which was locked, is a file that still has a name: another may have removed it before. */
static bool is_there(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0;
}

/* A sweep may lock, and remove, what has no text yet. */
static int try_open(const char *name)
{
	_cleanup_close_ int dir = name_rundir_open(true, NULL);
	_cleanup_close_ int fd = dir < 0 ? -1 : openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
						       0600);

	if (dir < 0)
		return dir;
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_there(fd)) {
		unlinkat(dir, name, 0);
		return -EAGAIN;
	}
	return take_fd(&fd);
}

void mark_open(struct mark_record *r)
{
	char name[32];
	int fd = -EAGAIN;

	file_name(r->mark, name, sizeof(name));
	for (int i = 0; fd == -EAGAIN && i < TRIES; i++)
		fd = try_open(name);
	r->fd = fd < 0 ? -1 : fd;
}

int mark_write(const struct mark_record *r)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	ssize_t n;

	strbuf_addf(&text, FORMAT_LINE "%smark=%" PRIu32 "\npidns=%ju\n", fates[r->fate], r->mark,
		    (uintmax_t)ns_inode_self(&ns_types[NS_PID]));
	for (size_t i = 0; i < r->netns_count; i++)
		strbuf_addf(&text, "netns=%ju\n", (uintmax_t)r->netns[i]);
	for (size_t i = 0; i < r->group_count; i++)
		strbuf_addf(&text, "group=%ju %" PRIu32 " %s\n", (uintmax_t)r->group[i].netns, r->group[i].group,
			    r->group[i].name);
	strbuf_add(&text, "end\n");
	if (text.failed)
		return -ENOMEM;
	n = pwrite(r->fd, text.text, text.length, 0);
	return n < 0 ? -errno : n == (ssize_t)text.length ? 0 : -ENOSPC;
}

void mark_turn(const struct mark_record *r)
{
	/* It overwrites what is there: there is room for it. */
	if (r->fd >= 0 && pwrite(r->fd, mark_turn_text(r), MARK_FATE_BYTES, MARK_FATE_AT) < 0)
		return;
}

const char *mark_turn_text(const struct mark_record *r)
{
	return fates[r->fate == MARK_DELETE ? MARK_KEEP : MARK_DELETE];
}

void mark_remove(const struct mark_record *r)
{
	_cleanup_close_ int dir = r->fd < 0 || !is_there(r->fd) ? -1 : name_rundir_open(false, NULL);
	char name[32];

	if (dir >= 0)
		unlinkat(dir, file_name(r->mark, name, sizeof(name)), 0);
}

static bool parse_group(char *value, struct mark_record *out)
{
	char *group = strchr(value, ' '), *name = group ? strchr(group + 1, ' ') : NULL;
	uint64_t netns;
	uint32_t number;

	if (!name)
		return false;
	*group++ = *name++ = '\0';
	return str_u64(value, &netns) == 0 && str_u32(group, &number) == 0 && name[0] && strlen(name) < IFNAMSIZ &&
	       mark_add_group(out, netns, name, number) == 0;
}

static bool parse_line(char *line, struct mark_record *out)
{
	char *value = strchr(line, '=');
	uint64_t number;

	if (!value)
		return false;
	*value++ = '\0';
	if (streq(line, "group"))
		return parse_group(value, out);
	if (streq(line, "mark"))
		return str_u32(value, &out->mark) == 0;
	if (str_u64(value, &number) < 0)
		return false;
	if (streq(line, "netns"))
		return mark_add_netns(out, number) == 0;
	out->pidns = number;
	return streq(line, "pidns");
}

int mark_parse(char *text, struct mark_record *out)
{
	char *line, *end;

	*out = (struct mark_record)MARK_RECORD_NONE;
	if (strncmp(text, FORMAT_LINE, MARK_FATE_AT) != 0)
		return -EBADMSG;
	line = text + MARK_FATE_AT;
	out->fate = strncmp(line, fates[MARK_KEEP], MARK_FATE_BYTES) == 0 ? MARK_KEEP : MARK_DELETE;
	if (strncmp(line, fates[out->fate], MARK_FATE_BYTES) != 0)
		return -EBADMSG;
	for (line += MARK_FATE_BYTES; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (streq(line, "end"))
			return out->mark && out->pidns ? 0 : -EBADMSG;
		if (!parse_line(line, out))
			return -EBADMSG;
	}
	return -EBADMSG;
}

/*
 * the sweep
 */

/* Of one record, in one network namespace. */
struct remains {
	const struct mark_record *record;
	struct rt_link *link;
	size_t count, room;
};

static void take_marked(size_t index, const struct nlmsghdr *m, void *arg)
{
	struct remains *r = arg;
	struct rt_link l;

	(void)index;
	if (!m)
		r->count = 0;
	else if (rtmsg_read_link(m, &l) && l.has & LINK_GROUP && l.group == r->record->mark &&
		 array_grow(&r->link, r->count, &r->room, sizeof(l)) == 0)
		r->link[r->count++] = l;
}

static uint32_t kept_group(const struct mark_record *r, ino_t netns, const char *name)
{
	for (size_t i = 0; i < r->group_count; i++)
		if (r->group[i].netns == netns && streq(r->group[i].name, name))
			return r->group[i].group;
	return 0;
}

static void keep(const struct netns *ns, const struct remains *r, struct error *e)
{
	_cleanup_batch_ struct rt_batch batch = { 0 };

	for (size_t i = 0; i < r->count; i++) {
		const struct rt_link *l = &r->link[i];

		rtmsg_add(&batch, &(struct rt_request){
			.kind = RT_LINK_SET,
			.link = { .has = LINK_GROUP, .index = l->index,
				  .group = kept_group(r->record, ns->inode, l->name) } });
	}
	/* What has gone meanwhile needs no group. */
	if (nl_send(ns->nl, &batch, NULL, NULL, NULL, NULL, e) == -ENODEV)
		*e = (struct error){ 0 };
}

/* Finish R in NS. NAMES gets what was left there. False where it could not be done. */
static bool finish_in(const struct mark_record *r, const struct netns *ns, struct strbuf *names)
{
	const struct rt_request links = { .kind = RT_LINK_DUMP };
	const struct rt_request delete = { .kind = RT_GROUP_DELETE, .link = { .has = LINK_GROUP, .group = r->mark } };
	struct remains left = { .record = r };
	struct error e = { 0 };

	if (nl_dump(ns->nl, &links, take_marked, &left, &e) >= 0 && left.count) {
		if (r->fate == MARK_KEEP)
			keep(ns, &left, &e);
		else if (nl_ask(ns->nl, &delete, NULL, NULL, &e) == -ENODEV)
			e = (struct error){ 0 };
	}
	for (size_t i = 0; i < left.count; i++)
		strbuf_addf(names, "%s%s%s%s", names->length ? ", " : "", ns->own ? "" : netns_name(ns),
			    ns->own ? "" : ":", left.link[i].name);
	free(left.link);
	return e.code == 0;
}

/* Finish R. ALL are the network namespaces that there are: one that is not among them has gone, with its links. False
 * where one of them may not be entered, or refuses. */
static bool finish_record(const struct mark_record *r, const struct veth_set *all, struct strbuf *notes)
{
	_cleanup_strbuf_ struct strbuf names = { 0 };
	bool done = true;

	for (size_t i = 0; i < r->netns_count; i++) {
		const struct netns *ns = map_get(&all->netns.inodes, r->netns[i]);

		if (ns)
			done &= ns->nl && finish_in(r, ns, &names);
	}
	if (names.length)
		strbuf_addf(notes, "a run that was killed has left %s: %s\n", strbuf_text(&names),
			    !done ? "not all of it can be taken back" :
			    r->fate == MARK_DELETE ? "deleted" : "kept as they shall be");
	return done;
}

/* Look at the record NAME in DIR. ALL is filled when it is needed, once. */
static void sweep_record(int dir, const char *name, struct veth_set *all, bool *found, struct strbuf *notes)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_mark_ struct mark_record r = MARK_RECORD_NONE;
	_cleanup_free_ char *text = NULL;

	/* One that is locked is of a transaction that lives. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_there(fd) || read_all(fd, RECORD_MOST, &text, NULL) < 0)
		return;
	/* One that is not whole was killed before it made anything. */
	if (mark_parse(text, &r) == 0) {
		if (r.pidns != ns_inode_self(&ns_types[NS_PID]))
			return;
		if (!*found && veth_find(0, all, NULL) < 0)
			return;
		*found = true;
		if (!finish_record(&r, all, notes))
			return;
	}
	unlinkat(dir, name, 0);
}

void mark_sweep(struct strbuf *notes)
{
	_cleanup_close_ int dir = name_rundir_open(false, NULL);
	_cleanup_veth_ struct veth_set all = { 0 };
	const struct dirent *entry;
	bool found = false;
	DIR *d;

	if (dir < 0)
		return;
	d = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));
	while (d && (entry = readdir(d)))
		if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0)
			sweep_record(dir, entry->d_name, &all, &found, notes);
	if (d)
		closedir(d);
}
