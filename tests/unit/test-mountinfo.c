/*
 * mountinfo: lines as kernels write them, and lines as none does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "sys/mountinfo.h"
#include "sys/proc.h"
#include "tap.h"

static void one_line(void)
{
	char text[] = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:12 propagate_from:7 "
		      "unbindable future:3 word - ext3 /dev/\\134root rw,errors=continue\n";
	char *cursor = text;
	struct mountinfo m;

	is_int(mountinfo_next(&cursor, &m), 1);
	ok(m.id == 36 && m.parent == 35 && m.major == 98 && m.minor == 0);
	ok(m.master == 1 && m.shared == 12 && m.propagate_from == 7 && m.unbindable);
	is_str(m.root, "/mnt1");
	is_str(m.target, "/mnt 2");
	is_str(m.options, "rw,noatime");
	is_str(m.fstype, "ext3");
	is_str(m.source, "/dev/\\root");
	is_int(mountinfo_next(&cursor, &m), 0);
	is_int(mountinfo_next(&cursor, &m), 0);
}

static void no_optional_fields(void)
{
	char text[] = "1 0 0:2 / / rw - rootfs none rw\n"
		      "2 1 0:3 / /e rw - tmpfs  rw\n"			/* no source */
		      "3 1 0:4 net:[4026532201] /run/netns/a\\012b rw shared:4 - nsfs nsfs rw";
	char *cursor = text;
	struct mountinfo m;

	is_int(mountinfo_next(&cursor, &m), 1);
	ok(!m.shared && !m.master && !m.propagate_from && !m.unbindable);
	is_str(m.fstype, "rootfs");
	is_int(mountinfo_next(&cursor, &m), 1);
	is_str(m.fstype, "tmpfs");
	is_str(m.source, "");
	is_int(mountinfo_next(&cursor, &m), 1);
	is_str(m.root, "net:[4026532201]");
	is_str(m.target, "/run/netns/a\nb");
	is_int(m.shared, 4);
	is_int(mountinfo_next(&cursor, &m), 0);
}

static void wrong_lines(void)
{
	static const char *const wrong[] = {
		"",
		"x",
		"1",
		"1 0 0:2 / / rw",
		"1 0 0:2 / / rw -",
		"1 0 0:2 / / rw - ",
		"1 0 0:2 / / rw - tmpfs",
		"1 0 0:2 / / rw shared:1 tmpfs none rw",
		"1 0 02 / / rw - tmpfs none rw",
		"1 0 0: / / rw - tmpfs none rw",
		"a 0 0:2 / / rw - tmpfs none rw",
		"1 -1 0:2 / / rw - tmpfs none rw",
		"4294967296 0 0:2 / / rw - tmpfs none rw",
		"1 0 0:2 / / rw shared: - tmpfs none rw",
		"1 0 0:2 / / rw master:x - tmpfs none rw",
		"1 0 0:2 / / rw shared - tmpfs none rw",
	};

	for (size_t i = 0; i < array_size(wrong); i++) {
		char text[256], *cursor = text;
		struct mountinfo m;

		snprintf(text, sizeof(text), "%s\n7 1 0:2 / /good rw - tmpfs none rw\n", wrong[i]);
		ok_for(mountinfo_next(&cursor, &m) == -EINVAL, "no line: '%s'", wrong[i]);
		ok_for(mountinfo_next(&cursor, &m) == 1 && m.id == 7, "and the next one is read");
	}
}

static void escapes(void)
{
	static const struct {
		const char *text, *decoded;
	} all[] = {
		{ "/\\040\\011\\012\\134\\043", "/ \t\n\\#" },
		{ "/\\1345", "/\\5" },
		{ "/\\040040", "/ 040" },
		{ "/\\303\\251", "/\xc3\xa9" },
		{ "/\\", "/\\" },
		{ "/\\0", "/\\0" },
		{ "/\\04", "/\\04" },
		{ "/\\089", "/\\089" },
		{ "/\\400", "/\\400" },
		{ "/\\000x", "/\\000x" },	/* would end the text; the kernel writes none */
	};

	for (size_t i = 0; i < array_size(all); i++) {
		char text[256], *cursor = text;
		struct mountinfo m;

		snprintf(text, sizeof(text), "1 0 0:2 / %s rw - tmpfs none rw\n", all[i].text);
		is_int(mountinfo_next(&cursor, &m), 1);
		is_str(m.target, all[i].decoded);
	}
}

/* The id of the mount that PATH is on, by the lines of TABLE. */
static int found(const char *table, const char *path)
{
	struct mountinfo m = { 0 };
	char *copy = strdup(table);
	int ret = mountinfo_find(copy, path, &m);
	int id = ret < 0 ? ret : m.id;

	free(copy);
	return id;
}

static void finds(void)
{
	static const char plain[] =
		"1 1 0:1 / / rw - rootfs none rw\n"
		"20 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
		"nonsense\n"
		"21 20 0:5 / /proc rw - proc proc rw\n"
		"22 20 0:6 / /a rw - tmpfs none rw\n"
		"23 22 0:7 / /a/b rw - tmpfs none rw\n"
		"24 22 0:8 / /a/b\\040c rw - tmpfs none rw\n"
		"25 23 0:9 / /a/b rw - tmpfs none rw\n";

	is_int(found(plain, "/"), 20);
	is_int(found(plain, "/etc/passwd"), 20);
	is_int(found(plain, "/proc"), 21);
	is_int(found(plain, "/proc/1/ns"), 21);
	is_int(found(plain, "/process"), 20);
	is_int(found(plain, "/a"), 22);
	is_int(found(plain, "/a/"), 22);
	is_int(found(plain, "/a/b"), 25);
	is_int(found(plain, "/a/b c/d"), 24);
	is_int(found(plain, "/a/bc"), 22);

	/* /a is mounted over: what was below it is out of reach, and /a/b of the new one is another */
	static const char hidden[] =
		"20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"22 20 0:6 / /a rw - tmpfs none rw\n"
		"23 22 0:7 / /a/b rw - tmpfs none rw\n"
		"24 22 0:8 / /a rw - tmpfs none rw\n";
	is_int(found(hidden, "/a/b/c"), 24);

	/* in a chroot, the root's own mount is out of sight */
	static const char chroot[] =
		"30 7 0:6 / /a rw - tmpfs none rw\n"
		"31 30 0:6 / /a/b rw - tmpfs none rw\n";
	is_int(found(chroot, "/a/b"), 31);
	is_int(found(chroot, "/a/x"), 30);
	is_int(found(chroot, "/x"), -ENOENT);

	is_int(found("", "/"), -ENOENT);
	is_int(found("1 2 0:1 / / rw - a b c\n2 1 0:1 / / rw - a b c\n", "/"), -ENOENT);
}

/* What stat(2) says of a path on this system is what the table says. */
static void real(void)
{
	static const char *const paths[] = {
		"/", "/proc/self", "/dev/null", "/sys/kernel", "/tmp", "/etc/passwd",
	};
	_cleanup_close_ int proc = proc_open(NULL);

	for (size_t i = 0; i < array_size(paths); i++) {
		_cleanup_free_ char *table = NULL, *real = realpath(paths[i], NULL);
		struct mountinfo m;
		struct statx sx;

		if (!real || statx(-1, real, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &sx) < 0 ||
		    !(sx.stx_mask & STATX_MNT_ID)) {
			skip("no mount id of %s", paths[i]);
			continue;
		}
		is_int(mountinfo_read(proc, "self/mountinfo", &table), 0);
		is_int(mountinfo_find(table, real, &m), 0);
		ok_for((uint64_t)m.id == sx.stx_mnt_id, "%s is on mount %d", real, m.id);
	}

	char *none = NULL;
	is_int(mountinfo_read(proc, "self/none", &none), -ENOENT);
}

int main(void)
{
	one_line();
	no_optional_fields();
	wrong_lines();
	escapes();
	finds();
	real();
	return done();
}
