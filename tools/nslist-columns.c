/*
 * The columns of nslist.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sched.h>

#include "ns/name.h"
#include "nslist.h"

static void add_number(struct strbuf *out, uintmax_t n)
{
	strbuf_addf(out, "%ju", n);
}

void format_time(time_t t, char *buffer, size_t size)
{
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buffer, size, "%Y-%m-%dT%H:%M:%S%z", &tm))
		*buffer = '\0';
}

/* Of a namespace without a process the kernel knows a user only where it is a user namespace; lsns(8) shows root for
 * the others. */
static bool row_uid(const struct row *row, uid_t *uid)
{
	*uid = row->process ? row->process->uid : row->ns->has_uid ? row->ns->uid : 0;
	return row->process || row->ns->has_uid || row->ns->type->flag != CLONE_NEWUSER;
}

#define CELL(name) static void name(const void *row_, void *arg, struct strbuf *out)
#define ROW const struct row *row = row_; struct view *view = arg; (void)view

CELL(cell_ns)
{
	ROW;
	add_number(out, row->ns->inode);
}

CELL(cell_type)
{
	ROW;
	strbuf_add(out, row->ns->type->name);
}

CELL(cell_path)
{
	ROW;
	pid_t pid = view->task ? view->task : row->process ? row->process->pid : 0;

	if (pid)
		strbuf_addf(out, "/proc/%d/%s", pid, row->ns->type->file);
}

CELL(cell_nprocs)
{
	ROW;
	add_number(out, row->ns->processes);
}

CELL(cell_pid)
{
	ROW;
	if (row->process)
		add_number(out, (uintmax_t)row->process->pid);
}

CELL(cell_ppid)
{
	ROW;
	if (row->process)
		add_number(out, (uintmax_t)row->process->ppid);
}

CELL(cell_command)
{
	ROW;
	if (row->process && row->process->command)
		strbuf_add(out, row->process->command);
}

CELL(cell_uid)
{
	ROW;
	uid_t uid;

	if (row_uid(row, &uid))
		add_number(out, uid);
}

CELL(cell_user)
{
	ROW;
	uid_t uid;

	if (row_uid(row, &uid))
		users_add_name(&view->users, uid, out);
}

CELL(cell_netnsid)
{
	ROW;
	if (row->ns->type->flag != CLONE_NEWNET || row->ns->netnsid == NETNSID_UNKNOWN)
		return;
	if (row->ns->netnsid == NETNSID_UNASSIGNED)
		strbuf_add(out, "unassigned");
	else
		strbuf_addf(out, "%d", row->ns->netnsid);
}

CELL(cell_nsfs)
{
	ROW;
	for (const char *const *path = row->ns->paths; path && *path; path++) {
		if (path != row->ns->paths)
			strbuf_add_bytes(out, "", 1);
		strbuf_add(out, *path);
	}
}

CELL(cell_pns)
{
	ROW;
	add_number(out, row->ns->parent_inode);
}

CELL(cell_ons)
{
	ROW;
	add_number(out, row->ns->owner_inode);
}

CELL(cell_name)
{
	ROW;
	if (row->ns->name)
		strbuf_add(out, row->ns->name);
}

CELL(cell_nsid)
{
	ROW;
	if (row->ns->id)
		add_number(out, row->ns->id);
}

CELL(cell_holders)
{
	ROW;
	for (size_t i = 0; i < HOLDER_KINDS; i++) {
		size_t count = row->ns->counts[i];

		if (count)
			strbuf_addf(out, "%s%s:%zu", out->length ? "," : "", holder_names[i], count);
	}
}

CELL(cell_pids)
{
	ROW;
	if (row->process && row->process->pids)
		strbuf_add(out, row->process->pids);
}

CELL(cell_cgroup)
{
	ROW;
	if (row->process && row->process->cgroup)
		strbuf_add(out, row->process->cgroup);
}

CELL(cell_time)
{
	(void)row_;
	strbuf_add(out, ((const struct view *)arg)->now);
}

CELL(cell_event)
{
	ROW;
	strbuf_add(out, row->event == EVENT_APPEARS ? "appears" : "vanishes");
}

#define NAMESPACE_COLUMNS \
	{ "NS", 10, COL_RIGHT, JSON_NUMBER, "inode number", cell_ns }, \
	{ "TYPE", 6, 0, JSON_STRING, "mnt, uts, ipc, net, pid, user, cgroup, time", cell_type }, \
	{ "PATH", 0, 0, JSON_STRING, "the file of it: of PID, or of the process that -p names", cell_path }, \
	{ "NPROCS", 6, COL_RIGHT, JSON_NUMBER, "how many processes are in it", cell_nprocs, NEED_COUNT }, \
	{ "PID", 7, COL_RIGHT, JSON_NUMBER, "lowest PID in it", cell_pid, NEED_LEADER }, \
	{ "PPID", 0, COL_RIGHT, JSON_NUMBER, "parent of PID", cell_ppid, NEED_LEADER | NEED_PPID }, \
	{ "COMMAND", 0, COL_TRUNC, JSON_STRING, "command line of PID", cell_command, \
	  NEED_LEADER | NEED_COMMAND }, \
	{ "UID", 0, COL_RIGHT, JSON_NUMBER, "user ID of PID; without one, of who made a user namespace, else 0", \
	  cell_uid, NEED_LEADER | NEED_UID }, \
	{ "USER", 8, 0, JSON_STRING, "the same by name", cell_user, NEED_LEADER | NEED_UID }, \
	{ "NETNSID", 0, 0, JSON_STRING, "number that this network namespace has for it", cell_netnsid, \
	  NEED_NETNSID }, \
	{ "NSFS", 0, COL_WRAP, JSON_STRING, "where it is mounted here", cell_nsfs, NEED_PATHS }, \
	{ "PNS", 10, COL_RIGHT, JSON_NUMBER_OR_0, "the namespace above it (pid, user)", cell_pns, \
	  NEED_RELATIVES }, \
	{ "ONS", 10, COL_RIGHT, JSON_NUMBER_OR_0, "the user namespace that owns it", cell_ons, \
	  NEED_RELATIVES }, \
	{ "NAME", 0, 0, JSON_STRING, "the named set that keeps it", cell_name, NEED_NAMES }, \
	{ "NSID", 0, COL_RIGHT, JSON_NUMBER, "unique ID, never used again (Linux 6.18)", cell_nsid, \
	  NEED_ID }, \
	{ "HOLDERS", 0, 0, JSON_STRING, "what keeps it, KIND:COUNT each (see --holders)", cell_holders, \
	  NEED_HOLDERS }, \
	{ "PIDS", 0, 0, JSON_STRING, "PID in every PID namespace, the outermost first", cell_pids, \
	  NEED_LEADER | NEED_PIDS }, \
	{ "CGROUP", 0, 0, JSON_STRING, "cgroup of PID", cell_cgroup, NEED_LEADER | NEED_CGROUP }

const struct column namespace_columns[] = { NAMESPACE_COLUMNS, { 0 } };

const struct column event_columns[] = {
	{ "TIME", 24, 0, JSON_STRING, "when it was seen", cell_time },
	{ "EVENT", 8, 0, JSON_STRING, "appears, vanishes", cell_event },
	NAMESPACE_COLUMNS,
	{ 0 }
};

/* --holders */

#define HOLDER_ROW const struct holder_row *row = row_; struct view *view = arg; (void)view

CELL(cell_held_ns)
{
	HOLDER_ROW;
	add_number(out, row->ns->inode);
}

CELL(cell_held_type)
{
	HOLDER_ROW;
	strbuf_add(out, row->ns->type->name);
}

CELL(cell_holder)
{
	HOLDER_ROW;
	strbuf_add(out, holder_names[row->holder->kind]);
}

static bool has_process(const struct nsset_holder *h)
{
	return h->kind <= HOLDER_SOCKET;
}

static bool has_descriptor(const struct nsset_holder *h)
{
	return h->kind == HOLDER_DESCRIPTOR || h->kind == HOLDER_SOCKET;
}

CELL(cell_holder_pid)
{
	HOLDER_ROW;
	if (has_process(row->holder))
		add_number(out, (uintmax_t)row->holder->pid);
}

CELL(cell_holder_tid)
{
	HOLDER_ROW;
	if (row->holder->kind == HOLDER_THREAD)
		add_number(out, (uintmax_t)row->holder->tid);
}

CELL(cell_holder_fd)
{
	HOLDER_ROW;
	if (has_descriptor(row->holder))
		add_number(out, (uintmax_t)row->holder->fd);
}

CELL(cell_holder_path)
{
	HOLDER_ROW;
	const struct nsset_holder *h = row->holder;

	switch (h->kind) {
	case HOLDER_PROCESS:
		strbuf_addf(out, "/proc/%d/%s", h->pid, row->ns->type->file);
		break;
	case HOLDER_CHILDREN:
		strbuf_addf(out, "/proc/%d/%s", h->pid, row->ns->type->file_for_children);
		break;
	case HOLDER_THREAD:
		strbuf_addf(out, "/proc/%d/task/%d/%s", h->pid, h->tid, row->ns->type->file);
		break;
	case HOLDER_DESCRIPTOR:
	case HOLDER_SOCKET:
		strbuf_addf(out, "/proc/%d/fd/%d", h->pid, h->fd);
		break;
	case HOLDER_MOUNT:
		if (h->path)
			strbuf_add(out, h->path);
		break;
	default:
		break;
	}
}

CELL(cell_holder_mntns)
{
	HOLDER_ROW;
	if (row->holder->kind == HOLDER_MOUNT && row->holder->mntns)
		add_number(out, row->holder->mntns);
}

CELL(cell_holder_child)
{
	HOLDER_ROW;
	const struct nsset_ns *below = row->holder->below;

	if (below)
		strbuf_addf(out, "%s:[%ju]", below->type->name, (uintmax_t)below->inode);
}

static const struct nsset_process *holder_process(const struct holder_row *row, const struct view *view)
{
	return has_process(row->holder) ? nsset_process(view->set, row->holder->pid) : NULL;
}

CELL(cell_holder_user)
{
	HOLDER_ROW;
	const struct nsset_process *p = holder_process(row, view);

	if (p)
		users_add_name(&view->users, p->uid, out);
}

CELL(cell_holder_command)
{
	HOLDER_ROW;
	const struct nsset_process *p = holder_process(row, view);

	if (p && p->command)
		strbuf_add(out, p->command);
}

const struct column holder_columns[] = {
	{ "NS", 10, COL_RIGHT, JSON_NUMBER, "inode number of the namespace that is held", cell_held_ns },
	{ "TYPE", 0, 0, JSON_STRING, "its type", cell_held_type },
	{ "HOLDER", 0, 0, JSON_STRING, "kind of what holds it", cell_holder },
	{ "PID", 0, COL_RIGHT, JSON_NUMBER, "process", cell_holder_pid },
	{ "TID", 0, COL_RIGHT, JSON_NUMBER, "thread, where it is another's namespace than the process's",
	  cell_holder_tid },
	{ "FD", 0, COL_RIGHT, JSON_NUMBER, "descriptor of the namespace, or of a socket in it",
	  cell_holder_fd },
	{ "PATH", 0, 0, JSON_STRING, "file of it; of a mount, where it is mounted", cell_holder_path },
	{ "MNTNS", 0, COL_RIGHT, JSON_NUMBER, "mount namespace in which it is mounted", cell_holder_mntns },
	{ "CHILD", 0, 0, JSON_STRING, "namespace below it, or owned by it", cell_holder_child },
	{ "USER", 0, 0, JSON_STRING, "user of the process", cell_holder_user, NEED_UID },
	{ "COMMAND", 0, COL_TRUNC, JSON_STRING, "command line of the process", cell_holder_command,
	  NEED_COMMAND },
	{ 0 }
};

/* --compare */

#define COMPARE_ROW const struct compare_row *row = row_; (void)arg

CELL(cell_compared)
{
	COMPARE_ROW;
	strbuf_add(out, row->type->name);
}

CELL(cell_shared)
{
	COMPARE_ROW;
	if (row->first && row->second)
		strbuf_add(out, row->first == row->second ? "yes" : "no");
}

CELL(cell_first)
{
	COMPARE_ROW;
	if (row->first)
		add_number(out, row->first);
}

CELL(cell_second)
{
	COMPARE_ROW;
	if (row->second)
		add_number(out, row->second);
}

const struct column compare_columns[] = {
	{ "TYPE", 0, 0, JSON_STRING, "type of namespace", cell_compared },
	{ "SHARED", 0, 0, JSON_BOOLEAN, "whether it is one and the same", cell_shared },
	{ "FIRST", 0, COL_RIGHT, JSON_NUMBER, "inode number of the first", cell_first },
	{ "SECOND", 0, COL_RIGHT, JSON_NUMBER, "inode number of the second", cell_second },
	{ 0 }
};

/* --names */

#define NAME_ROW const struct name_set *row = row_; struct view *view = arg; (void)view

CELL(cell_set_name)
{
	NAME_ROW;
	strbuf_add(out, row->name);
}

CELL(cell_set_state)
{
	static const char *const states[] = {
		[NAME_LIVE] = "live", [NAME_STALE] = "stale", [NAME_ELSEWHERE] = "elsewhere",
	};

	NAME_ROW;
	strbuf_add(out, states[row->state]);
}

static void add_types(int types, struct strbuf *out)
{
	for (size_t i = 0; i < NS_TYPES; i++)
		if (types & ns_types[i].flag)
			strbuf_addf(out, "%s%s", out->length ? "," : "", ns_types[i].name);
}

CELL(cell_set_types)
{
	NAME_ROW;
	add_types(row->types, out);
}

CELL(cell_set_pinned)
{
	NAME_ROW;
	add_types(row->pinned, out);
}

CELL(cell_set_namespaces)
{
	NAME_ROW;
	for (size_t i = 0; i < NS_TYPES; i++) {
		if (!row->inode[i])
			continue;
		if (out->length)
			strbuf_add_bytes(out, "", 1);
		strbuf_addf(out, "%s:[%ju]", ns_types[i].name, (uintmax_t)row->inode[i]);
	}
}

CELL(cell_set_keeper)
{
	NAME_ROW;
	if (row->keeper.pid)
		add_number(out, (uintmax_t)row->keeper.pid);
}

CELL(cell_set_since)
{
	char text[40];

	NAME_ROW;
	format_time(row->since, text, sizeof(text));
	strbuf_add(out, text);
}

CELL(cell_set_uid)
{
	NAME_ROW;
	add_number(out, row->owner);
}

CELL(cell_set_user)
{
	NAME_ROW;
	users_add_name(&view->users, row->owner, out);
}

CELL(cell_set_netns)
{
	NAME_ROW;
	strbuf_add(out, row->netns);
}

CELL(cell_set_mntns)
{
	NAME_ROW;
	if (row->mntns)
		add_number(out, row->mntns);
}

const struct column set_columns[] = {
	{ "NAME", 0, 0, JSON_STRING, "name of the set", cell_set_name },
	{ "STATE", 0, 0, JSON_STRING, "live, stale, elsewhere", cell_set_state },
	{ "TYPES", 0, 0, JSON_STRING, "what it holds", cell_set_types },
	{ "NAMESPACES", 0, COL_WRAP, JSON_STRING, "the same as references", cell_set_namespaces },
	{ "PINNED", 0, 0, JSON_STRING, "what of it a bind mount holds; the keeper holds the rest",
	  cell_set_pinned },
	{ "KEEPER", 0, COL_RIGHT, JSON_NUMBER, "PID of the process that holds it", cell_set_keeper },
	{ "SINCE", 0, 0, JSON_STRING, "when it was made", cell_set_since },
	{ "UID", 0, COL_RIGHT, JSON_NUMBER, "user ID of who made it", cell_set_uid },
	{ "USER", 0, 0, JSON_STRING, "the same by name", cell_set_user },
	{ "NETNS", 0, 0, JSON_STRING, "name that ip-netns(8) has for its network namespace", cell_set_netns },
	{ "MNTNS", 0, COL_RIGHT, JSON_NUMBER, "mount namespace in which it was made", cell_set_mntns },
	{ 0 }
};
