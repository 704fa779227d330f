/*
 * Why the command could not be run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "hint/hint-cause.h"
#include "hint/hint.h"

/* The command as it was looked for: PATH of the refusal is its name, PROCESS its argv[0]. */

/* "ip link" as one word: its first word is a program, and the whole is none. */
static bool words_are_one(const struct refusal *r)
{
	_cleanup_strbuf_ struct strbuf advice = { 0 };
	char first[256], program[PATH_MAX];
	size_t length = strcspn(r->path, " \t\n");

	if (length == 0 || !r->path[length] || length >= sizeof(first))
		return false;
	snprintf(first, sizeof(first), "%.*s", (int)length, r->path);
	if (!cause_program(first, program))
		return false;

	/* What only a shell understands is left to one. */
	bool plain = !strpbrk(r->path, "|&;<>()$`\\\"'*?[]#~{}!\n");
	struct change change = { .old = r->path, .new = r->path, .as_words = true };
	_cleanup_strbuf_ struct strbuf script = { 0 };
	if (!plain) {
		strbuf_add(&script, "sh -c ");
		strbuf_add_shell(&script, r->path);
		change.new = strbuf_text(&script);
	}
	advise_change(r, &change, &advice);
	error_hint(r->e, "the command is one word, which has a blank in it, and %s alone is a program%s", first,
		   strbuf_text(&advice));
	return true;
}

/* Only the default has an argv[0] that begins with '-' and is not what is executed; see command_init(). */
static bool is_login_shell(const struct refusal *r)
{
	return r->process && r->process[0] == '-' && !streq(r->process, r->path);
}

static bool shell_is_missing(const struct refusal *r)
{
	const char *shell = getenv("SHELL");
	_cleanup_strbuf_ struct strbuf advice = { 0 };

	if (!is_login_shell(r) || access(r->path, F_OK) == 0)
		return false;
	if (access("/bin/sh", X_OK) == 0)
		advise_change(r, &(struct change){ .behind = "/bin/sh" }, &advice);
	error_hint(r->e, "no command was given, so %s is run, and there is no %.200s in the root directory of this "
		   "process%s", shell && streq(shell, r->path) ? "$SHELL" : "the shell of the password file", r->path,
		   strbuf_text(&advice));
	return true;
}

/* The kernel says of the script what is true of its interpreter. */
static bool interpreter_is_missing(const struct refusal *r)
{
	char program[PATH_MAX], line[256];
	_cleanup_close_ int fd = cause_program(r->path, program) ? open(program, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (n < 2 || strncmp(line, "#!", 2) != 0)
		return false;
	line[n] = '\0';
	char *name = line + 2 + strspn(line + 2, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	if (!*name || access(name, F_OK) == 0)
		return false;
	error_hint(r->e, "%.200s is there, but its first line names the interpreter %s, which is not", program, name);
	return true;
}

/* The PT_INTERP of FD, a program of this machine's word size. */
static bool read_loader(int fd, char name[PATH_MAX])
{
	ElfW(Ehdr) head;
	ElfW(Phdr) part;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_phentsize != sizeof(part))
		return false;
	for (size_t i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &part, sizeof(part), (off_t)(head.e_phoff + i * sizeof(part))) != sizeof(part))
			return false;
		if (part.p_type != PT_INTERP || part.p_filesz >= PATH_MAX)
			continue;
		memset(name, 0, PATH_MAX);
		return pread(fd, name, part.p_filesz, (off_t)part.p_offset) == (ssize_t)part.p_filesz;
	}
	return false;
}

static bool loader_is_missing(const struct refusal *r)
{
	char program[PATH_MAX], name[PATH_MAX];
	_cleanup_close_ int fd = cause_program(r->path, program) ? open(program, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || !read_loader(fd, name) || access(name, F_OK) == 0)
		return false;
	error_hint(r->e, "%.300s is there, but the loader that it asks for, %.300s, is not", program, name);
	return true;
}

/* execvp(3) says EACCES where one directory could not be searched, and the name is in none of the others. */
static bool search_is_refused(const struct refusal *r)
{
	const char *directories = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(r->path, '/') || !directories || cause_program(r->path, path))
		return false;
	for (const char *p = directories; *p; p += *p == ':') {
		int n = (int)strcspn(p, ":");

		snprintf(path, sizeof(path), "%.*s/%s", n, p, r->path);
		p += n;
		if (n == 0 || access(path, F_OK) == 0 || errno != EACCES)
			continue;
		error_hint(r->e, "no directory of $PATH that can be searched has %.200s, and user ID %u may not search "
			   "%.*s", r->path, geteuid(), n, p - n);
		return true;
	}
	return false;
}

static bool is_directory(const struct refusal *r)
{
	struct stat st;

	if (!strchr(r->path, '/') || stat(r->path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	error_hint(r->e, "%.300s is a directory, not a program", r->path);
	return true;
}

static bool mount_forbids_exec(const struct refusal *r)
{
	_cleanup_free_ char *mounts = cause_mounts(r->proc);
	struct mountinfo mount;
	struct statvfs fs;

	if (!strchr(r->path, '/') || statvfs(r->path, &fs) < 0 || !(fs.f_flag & ST_NOEXEC))
		return false;
	if (mounts && cause_mount_of(mounts, r->path, &mount))
		error_hint(r->e, "%.200s is on the mount at %.200s, which is noexec: no program on it can be run",
			   r->path, mount.target);
	else
		error_hint(r->e, "%.300s is on a mount that is noexec: no program on it can be run", r->path);
	return true;
}

static bool is_not_executable(const struct refusal *r)
{
	struct stat st;

	if (!strchr(r->path, '/') || stat(r->path, &st) < 0 || !S_ISREG(st.st_mode) || access(r->path, X_OK) == 0)
		return false;
	error_hint(r->e, "the mode of %.300s, %04o, does not let user ID %u execute it", r->path,
		   (unsigned int)(st.st_mode & 07777), geteuid());
	return true;
}

static const struct cause exec_causes[] = {
	{ ENOENT, 0, words_are_one },
	{ ENOENT, 0, shell_is_missing },
	{ ENOENT, 0, interpreter_is_missing },
	{ ENOENT, 0, loader_is_missing },
	{ EACCES, 0, words_are_one },
	{ EACCES, 0, interpreter_is_missing },
	{ EACCES, 0, loader_is_missing },
	{ EACCES, 0, search_is_refused },
	{ EACCES, 0, is_directory },
	{ EACCES, 0, mount_forbids_exec },
	{ EACCES, 0, is_not_executable },
};

void hint_exec(int proc, const char *path, const char *argv0, int err, struct error *e)
{
	struct refusal r = { .proc = proc, .path = path, .process = argv0, .err = err, .e = e };

	cause_find(exec_causes, array_size(exec_causes), &r);
}
