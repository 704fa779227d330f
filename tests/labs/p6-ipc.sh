# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
source "$(dirname "$0")/lib.sh"

lesson "P6: message queues that nobody else can find"
need ipcmk ipcs python3

mkdir bin
cat >bin/mq <<'PYTHON'
#!/usr/bin/env python3
# mq send /NAME TEXT, mq receive /NAME: POSIX message queues, see mq_overview(7).
import ctypes, os, sys

c = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    result = function(*arguments)
    if result < 0:
        sys.exit("mq: " + sys.argv[2] + ": " + os.strerror(ctypes.get_errno()))
    return result

if sys.argv[1] == "send":
    queue = call(c.mq_open, sys.argv[2].encode(), os.O_WRONLY | os.O_CREAT, 0o600, None)
    text = sys.argv[3].encode()
    call(c.mq_send, queue, text, ctypes.c_size_t(len(text)), 0)
else:
    queue = call(c.mq_open, sys.argv[2].encode(), os.O_RDONLY | os.O_NONBLOCK)
    size = 1 << 16
    text = ctypes.create_string_buffer(size)
    length = call(c.mq_receive, queue, text, ctypes.c_size_t(size), None)
    print(text.raw[:length].decode())
PYTHON
chmod +x bin/mq
PATH=$T/bin:$PATH

say "Processes that never met can exchange messages by a key (System V) or a name (POSIX). The keys and" \
	"the names belong to the IPC namespace: what one process leaves there, only those in the same" \
	"namespace find. The same goes for System V semaphores and shared memory."
say_rootless
enter "nsunshare ${Ur}--ipc bash"
there 'ipcs -q'
refute "a new IPC namespace is empty" grep -q '^0x' <<<"$shown"
there 'ipcmk -Q'
assert "ipcmk made a queue" test "$status" -eq 0
there 'ipcs -q'
key=$(grep -o '^0x[0-9a-f]*' <<<"$shown")
assert "inside there is one queue, with key $key" test "$(wc -w <<<"$key")" -eq 1
show 'ipcs -q'
refute "outside there is no such queue" grep -q "^$key" <<<"$shown"

say "The same with a POSIX queue. (mq is a few lines around mq_open(3), mq_send(3) and mq_receive(3).)"
queue=/nskit-lab-$$
there "mq send $queue 'hello'"
assert "the message is sent" test "$status" -eq 0
show "mq receive $queue"
refute "outside the queue does not exist" test "$status" -eq 0
assert "and the kernel says so" grep -q 'No such file or directory' <<<"$shown"
there "mq receive $queue"
assert "inside the message is there" test "$shown" = hello

say "Nobody deletes the two queues: they go when their namespace goes."
leave
