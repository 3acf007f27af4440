"""Becomes the program on its command line, as another user if asked, and ends when its parent does.

Run as a script: ``python -I -S child.py PARENT_PID SIGNAL USER PROGRAM ARGUMENT…``. A process of its own,
since the same steps between fork and exec could deadlock a parent that has threads. Where the kernel cannot
promise the signal (anything but Linux), a server that outlived us is found at the next start instead.
"""

import ctypes
import os
import pwd
import sys

parent, signal, user, *argv = sys.argv[1:]
os.umask(0o077)
if user:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
if os.getppid() != int(parent):
    sys.exit("the parent ended first")
os.execv(argv[0], argv)  # noqa: S606 - no shell on purpose
