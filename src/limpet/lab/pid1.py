"""The first process of a machine, run as a program: makes its root the root and becomes its init.

It is started in new mount, pid, uts and ipc namespaces with one argument, a JSON object:
root (a mounted folder), cgroup (a folder), host_name, ready (a file descriptor), init (an argument vector; empty for an
idle init, which only waits for orphans). On `ready` it writes one line, ``ok`` or what failed. It runs on this machine's
interpreter with nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MNT_DETACH = 2
CLONE_NEWCGROUP = 0x02000000

DEVICES = {
    "null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0),
    "net/tun": (10, 200), "fuse": (10, 229),
}  # fmt: skip
LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "linux",
    "container": "limpet-lab",
}
POWER_OFF = signal.SIGRTMIN + 3

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raises: OSError, with what the C library said."""
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(kind: str, target: str, *, flags: int = 0, options: str = "", source: str = "") -> None:
    """The system call. Raises: OSError."""
    arguments = ((source or kind).encode(), target.encode(), kind.encode() or None)
    check(libc.mount(*arguments, ctypes.c_ulong(flags), options.encode()), f"mount {kind} on {target}")


def bind(target: str, *, flags: int) -> None:
    """Mount a folder on itself with other flags."""
    mount("", target, flags=MS_BIND, source=target)
    mount("", target, flags=MS_BIND | MS_REMOUNT | flags, source=target)


def fill(root: str) -> None:
    """The file systems every Linux has. What belongs to this machine's kernel as a whole is read-only."""
    mount("proc", f"{root}/proc", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)
    net = os.open(f"{root}/proc/sys/net", os.O_PATH)
    bind(f"{root}/proc/sys", flags=MS_RDONLY)
    mount("", f"{root}/proc/sys/net", flags=MS_BIND, source=f"/proc/self/fd/{net}")
    os.close(net)
    if Path(root, "proc/sysrq-trigger").exists():
        bind(f"{root}/proc/sysrq-trigger", flags=MS_RDONLY)
    mount("sysfs", f"{root}/sys", flags=MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("tmpfs", f"{root}/run", flags=MS_NOSUID | MS_NODEV, options="mode=755")
    mount("tmpfs", f"{root}/tmp", flags=MS_NOSUID | MS_NODEV, options="mode=1777")  # noqa: S108 - the guest's
    mount("cgroup2", f"{root}/sys/fs/cgroup", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)


def fill_devices(dev: str) -> None:
    """A /dev with no device of this machine in it."""
    mount("tmpfs", dev, flags=MS_NOSUID, options="mode=755")
    for name in ("pts", "shm", "mqueue", "net"):
        Path(dev, name).mkdir()
    mount("devpts", f"{dev}/pts", options="newinstance,ptmxmode=0666,mode=0620,gid=5")
    mount("tmpfs", f"{dev}/shm", flags=MS_NOSUID | MS_NODEV, options="mode=1777")
    previous = os.umask(0)
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{dev}/{name}", 0o20666, os.makedev(major, minor))
    os.umask(previous)
    for name, target in LINKS.items():
        Path(dev, name).symlink_to(target)


def become_root(root: str) -> None:
    """Change the root and let the old one go."""
    os.chdir(root)
    Path(".old").mkdir(exist_ok=True)
    check(libc.pivot_root(b".", b".old"), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"/.old", MNT_DETACH), "umount /.old")
    Path("/.old").rmdir()


def prepare(root: str, cgroup: str, host_name: str) -> None:
    """All of it, in an order that matters: the cgroup namespace begins where the process is."""
    socket.sethostname(host_name)
    Path(cgroup, "cgroup.procs").write_text("0", encoding="ascii")
    check(libc.unshare(CLONE_NEWCGROUP), "unshare cgroup")
    fill(root)
    fill_devices(f"{root}/dev")
    become_root(root)


def idle() -> None:
    """An init without services: waits for orphans until it is told to power off. Never returns."""
    awaited = {signal.SIGCHLD, signal.SIGTERM, POWER_OFF}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    while signal.sigwait(awaited) == signal.SIGCHLD:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    os._exit(0)


def main(argument: str) -> None:
    """Become the machine's init."""
    order = json.loads(argument)
    ready = order["ready"]
    try:
        prepare(order["root"], order["cgroup"], order["host_name"])
    except OSError as error:
        os.write(ready, f"{error}\n".encode())
        raise SystemExit(1) from error
    os.write(ready, b"ok\n")
    os.close(ready)
    if order["init"]:
        os.execve(order["init"][0], order["init"], ENVIRONMENT)  # noqa: S606 - an argument vector, no shell
    idle()


if __name__ == "__main__":
    main(sys.argv[1])
