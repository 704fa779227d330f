/*
 * The sysctls of a link; see keep.h.
 *
 * /proc/sys/net shows the network namespace of whoever looks: a child looks from inside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/io.h"
#include "net/keep.h"

enum { VALUE_MOST = 4096, ALL_MOST = 1 << 20 };

static const char *const directories[] = { "ipv4/conf/", "ipv6/conf/", "ipv4/neigh/", "ipv6/neigh/" };

/* Another way to say the same, in coarser units. */
static bool is_alias(const char *key)
{
	return streq(key, "unres_qlen") || streq(key, "base_reachable_time") || streq(key, "retrans_time");
}

static void put_value(int out, int at, const char *key)
{
	_cleanup_free_ char *value = NULL;

	/* EIO: a stable_secret that nobody set. */
	if (at >= 0 && read_file_at(at, key, VALUE_MOST, &value, NULL) == 0)
		value[strcspn(value, "\n")] = '\0';
	if (write_full(out, value ? value : "", value ? strlen(value) + 1 : 1) < 0)
		return;
}

static int open_directory(const char *directory, const char *name)
{
	char path[64 + IFNAMSIZ];

	snprintf(path, sizeof(path), "/proc/sys/net/%s%s", directory, name);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* To OUT, for each: the number of the directory, key, value, usual value, each with a NUL behind it. */
static void put_directory(int out, char number, const char *directory, const char *name)
{
	_cleanup_close_ int here = open_directory(directory, name), usual = open_directory(directory, "default");
	int list = here < 0 ? -1 : fcntl(here, F_DUPFD_CLOEXEC, 3);
	_cleanup_closedir_ DIR *d = list < 0 ? NULL : fdopendir(list);

	/* Of neighbours only the first namespace shows what is usual; lo has it elsewhere. */
	if (usual < 0)
		usual = open_directory(directory, "lo");
	for (struct dirent *f; d && (f = readdir(d)); ) {
		if (f->d_name[0] == '.' || is_alias(f->d_name))
			continue;
		if (write_full(out, &number, 1) < 0 || write_full(out, f->d_name, strlen(f->d_name) + 1) < 0)
			return;
		put_value(out, here, f->d_name);
		put_value(out, usual, f->d_name);
	}
}

static int read_inside(void *arg, struct error *e)
{
	int out = memfd_create("sysctls", MFD_CLOEXEC);

	if (out < 0)
		return fail(e, errno, "memfd_create");
	for (size_t i = 0; i < array_size(directories); i++)
		put_directory(out, (char)('0' + i), directories[i], arg);
	return out;
}

/* The text at *AT, up to END, and *AT behind it; NULL where it does not end. */
static const char *take_text(const char **at, const char *end)
{
	const char *text = *at, *nul = memchr(text, '\0', end - text);

	if (nul)
		*at = nul + 1;
	return nul ? text : NULL;
}

int keep_read_sysctls(const struct netns *ns, const char *name, struct keep *out)
{
	char link[IFNAMSIZ];
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	const char *at, *end;

	snprintf(link, sizeof(link), "%s", name);
	fd = netns_open_inside(ns, read_inside, link, NULL);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0 || read_all(fd, ALL_MOST, &text, &length) < 0)
		return 0;
	for (at = text, end = text + length; at < end; ) {
		size_t n = (size_t)(*at++ - '0');
		const char *key = take_text(&at, end), *value = key ? take_text(&at, end) : NULL;
		const char *usual = value ? take_text(&at, end) : NULL;
		struct keep_sysctl *s;

		if (!usual || n >= array_size(directories))
			break;
		if (!value[0])
			continue;
		if (array_grow(&out->sysctl, out->sysctl_count, &out->sysctl_room, sizeof(*s)) < 0)
			return -ENOMEM;
		s = &out->sysctl[out->sysctl_count++];
		*s = (struct keep_sysctl){ directories[n], strdup(key), strdup(value), strdup(usual) };
		if (!s->key || !s->value || !s->usual)
			return -ENOMEM;
	}
	return 0;
}

struct writing {
	char name[IFNAMSIZ];
	const struct keep_sysctl *const *sysctl;
	size_t count;
};

static int write_inside(void *arg, struct error *e)
{
	const struct writing *w = arg;
	int done = memfd_create("sysctls", MFD_CLOEXEC);

	for (size_t i = 0; i < w->count; i++) {
		const struct keep_sysctl *s = w->sysctl[i];
		_cleanup_close_ int at = open_directory(s->directory, w->name);

		if (at >= 0 && write_file_at(at, s->key, s->value) < 0)
			continue;
	}
	return done < 0 ? fail(e, errno, "memfd_create") : done;
}

void keep_write_sysctls(const struct netns *ns, const char *name, const struct keep_sysctl *const *s, size_t count)
{
	struct writing w = { .sysctl = s, .count = count };

	snprintf(w.name, sizeof(w.name), "%s", name);
	if (count)
		close_fd(netns_open_inside(ns, write_inside, &w, NULL));
}

bool keep_sysctl_is_set(const struct keep_sysctl *s, const struct rt_link *link)
{
	char mtu[16];

	snprintf(mtu, sizeof(mtu), "%u", link->mtu);
	/* It follows the link's own, unless a router, or somebody, said less. */
	if (streq(s->directory, "ipv6/conf/") && streq(s->key, "mtu"))
		return !streq(s->value, mtu);
	return !streq(s->value, s->usual);
}
