/*
 * Mount tables: right, or refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "mount/mnt.h"
#include "mount/mntdiff.h"
#include "scratch.h"
#include "tap.h"

static int read_text(const char *text, struct mnt_table *t, struct error *e)
{
	_cleanup_close_ int fd = memfd_create("mountinfo", MFD_CLOEXEC);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return mnt_read(fd, t, e);
}

static void fields(void)
{
	_cleanup_mnt_table_ struct mnt_table t = { 0 };
	const struct mnt *m;

	is_int(read_text("1 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,discard\n"
			 "2 1 0:5 /a\\040b /m\\134n\\011 ro shared:7 master:3 propagate_from:2 - tmpfs none rw\n"
			 "3 2 0:6 / /m\\134n\\011/u rw unbindable - tmpfs  rw\n"
			 "4 1 0:7 /gone//deleted /it\\040(deleted) rw - tmpfs x rw\n", &t, NULL), 0);
	is_int((intmax_t)t.count, 4);
	m = &t.mount[1];
	is_int(m->line.id, 2);
	is_int(m->line.shared, 7);
	is_int(m->line.master, 3);
	is_int(m->line.propagate_from, 2);
	is_str(m->line.root, "/a b");
	is_str(m->line.target, "/m\\n\t");
	is_str(m->line.options, "ro");
	is_str(m->fs_options, "rw");
	is_str(mnt_propagation(&m->line), "shared,slave");
	ok(m->parent == &t.mount[0] && m->child == &t.mount[2] && t.top == &t.mount[0]);
	ok(t.mount[2].line.unbindable);
	is_str(mnt_propagation(&t.mount[2].line), "unbindable");
	is_str(mnt_propagation(&t.mount[3].line), "private");
	is_str(t.mount[3].line.target, "/it (deleted)");
	is_str(t.mount[3].line.root, "/gone//deleted");
	ok(mnt_on(&t, "/m\\n\t/u/v") == &t.mount[2]);
	ok(mnt_on(&t, "/m\\n\t/v") == &t.mount[1]);
	ok(mnt_on(&t, "/mm") == &t.mount[0]);
}

static void wrong(void)
{
	static const char *const texts[] = {
		"1 1 8:1 / / rw - ext4 a rw\n1 1 8:1 / /a rw - ext4 a rw\n",
		"1 1 8:1 / / rw - ext4 a rw\n2 3 8:1 / /a rw - ext4 a rw\n3 2 8:1 / /b rw - ext4 a rw\n",
		"1 1 8:1 / / rw - ext4 a rw\nnonsense\n",
		"1 1 8:1 / / rw - ext4 a rw\n2 x 8:1 / / rw - ext4 a rw\n",
	};

	for (size_t i = 0; i < array_size(texts); i++) {
		_cleanup_mnt_table_ struct mnt_table t = { 0 };
		struct error e = { 0 };

		is_int(read_text(texts[i], &t, &e), -EINVAL);
		has_str(e.text, "the mount table has");
	}

	_cleanup_mnt_table_ struct mnt_table none = { 0 };
	is_int(read_text("", &none, NULL), 0);
	is_int((intmax_t)none.count, 0);
}

static void compared(void)
{
	_cleanup_mnt_table_ struct mnt_table a = { 0 }, b = { 0 };
	_cleanup_free_ struct mnt_pair *pairs = NULL;
	_cleanup_free_ struct mnt_news *news = NULL;

	is_int(read_text("1 1 8:1 / / rw - ext4 a rw\n2 1 0:5 / /b rw shared:3 - tmpfs b rw\n"
			 "3 1 0:6 / /c rw shared:3 - tmpfs c rw\n4 1 0:7 / /d rw - tmpfs d rw\n", &a, NULL), 0);
	is_int(read_text("1 1 8:1 / / rw - ext4 a rw\n2 1 0:5 / /b rw shared:9 - tmpfs b rw\n"
			 "3 1 0:6 / /c rw shared:9 - tmpfs c rw\n7 1 0:8 / /d rw master:3 - tmpfs d rw\n"
			 "8 7 0:9 / /d rw - tmpfs e rw\n", &b, NULL), 0);
	is_int(mnt_compare(&a, &b, &pairs), 5);
	is_int(pairs[1].differs, 0);		/* other numbers, the same company */
	is_int(pairs[2].differs, 0);
	is_int(pairs[3].differs, DIFFERS_PROPAGATION);
	ok(!pairs[4].mount[0] && pairs[4].mount[1] == &b.mount[4]);
	ok(mnt_relation(&pairs[1]) == NULL);

	is_int(mnt_news(&a, &b, &news), 3);
	ok(!news[0].appears && news[0].mount == &a.mount[3]);
	ok(news[1].appears && news[1].mount == &b.mount[3]);
	ok(news[2].appears && news[2].mount == &b.mount[4]);
}

/* What comes and goes while it is read: every table has all that stays, and no mount without the one it is on. */
static void changing(void)
{
	if (!scratch_mounts()) {
		skip("changing mounts needs CAP_SYS_ADMIN");
		return;
	}
	need(mkdir("/run/a", 0755) == 0 && mkdir("/run/b", 0755) == 0);
	for (int i = 0; i < 100; i++)
		need(mount("none", "/run/b", "tmpfs", 0, NULL) == 0);

	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			mount("none", "/run/a", "tmpfs", 0, NULL);
			usleep(300);
			umount("/run/a");
			usleep(300);
		}
	}

	int whole = 0, refused = 0;
	for (int i = 0; i < 300; i++) {
		_cleanup_mnt_table_ struct mnt_table t = { 0 };
		struct error e = { 0 };
		int rc = mnt_read_self(&t, &e), stay = 0;

		for (size_t k = 0; k < t.count; k++)
			stay += streq(t.mount[k].line.target, "/run/b");
		whole += rc == 0 && stay == 100 && t.inode && t.pid == getpid();
		refused += rc == -EAGAIN;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is_int(whole + refused, 300);
	ok_for(whole > 0, "%d tables read, %d refused", whole, refused);
}

static void alone(void)
{
	_cleanup_close_ int fd = open("/proc", O_PATH | O_CLOEXEC);
	_cleanup_mnt_table_ struct mnt_table t = { 0 };
	_cleanup_free_ char *buffer = NULL;
	struct mnt m;
	const struct mnt *same;
	int rc = mnt_stat(fd, &m, &buffer);

	if (rc < 0) {
		skip("this kernel has no statmount(2) that says all");
		return;
	}
	is_int(mnt_read_self(&t, NULL), 0);
	same = mnt_on(&t, "/proc");
	need(same);
	is_int(m.line.id, same->line.id);
	is_int(m.line.parent, same->line.parent);
	is_str(m.line.target, same->line.target);
	is_str(m.line.fstype, same->line.fstype);
	is_str(m.line.options, same->line.options);
	is_str(mnt_propagation(&m.line), mnt_propagation(&same->line));
}

int main(void)
{
	fields();
	wrong();
	compared();
	alone();
	changing();
	return done();
}
