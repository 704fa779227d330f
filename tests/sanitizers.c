/*
 * The sanitizers' options in a tool built with --enable-sanitizers; an environment variable would not
 * survive `env -i`. A launcher ends by exec or _exit with what it holds, so leaks are looked for in the
 * unit tests only. Status 99 is none that a tool gives by itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:exitcode=99:handle_segv=1";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:halt_on_error=1:exitcode=99";
}
