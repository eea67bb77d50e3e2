"""A machine: a stand-in for a VM, made of namespaces, which is booted, used, killed and booted again.

It has processes, mounts, host name and cgroups of its own, over a throw-away root file system, in a network that it is given; the
kernel is this host's. Where that matters, `limpet.lab.vm` has virtual machines.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import cgroups, pid1, roots
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, Result, bound_to_us, kept_in, kill_session, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.lab.netns import Network
    from limpet.lab.workspace import Workspace

SYSTEMD = ("/sbin/init",)
IDLE: tuple[str, ...] = ()
"""No services: processes are only those that `run` and `start` put there."""

ENVIRONMENT = {
    "PATH": pid1.ENVIRONMENT["PATH"],
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
TIME_TO_START = 60.0
TIME_TO_SETTLE = 180.0
TIME_TO_STOP = 60.0
TIME_TO_LISTEN = 0.5
REBOOT_ASKED = -signal.SIGHUP
"""How PID 1 ends after reboot(2) inside, and `unshare` with it. Source: pid_namespaces(7)."""


class Machine:
    """One machine, made by `machine`. It can be booted, powered off and booted again; its root keeps what was written."""

    def __init__(self, name: str, root: roots.Root, network: Network, cgroup: Path, console: Path) -> None:
        self.name = name
        self.network = network
        self.console = console
        self._root = root
        self.cgroup = cgroup
        self._outer: subprocess.Popen[bytes] | None = None
        self._init: int | None = None

    @property
    def init(self) -> int:
        """The process id, for this machine's kernel, of its PID 1. Raises: LabError, when it is not running."""
        if self._init is None or self._outer is None or self._outer.poll() is not None:
            raise LabError(f"{self.name} is not running")
        return self._init

    @property
    def running(self) -> bool:
        """Whether its PID 1 lives."""
        return self._init is not None and self._outer is not None and self._outer.poll() is None

    @property
    def root(self) -> Path:
        """Its root as seen from here; while it runs, with its own mounts. Use with `roots.within` for its links."""
        return Path(f"/proc/{self.init}/root") if self.running else self._root.folder

    def path(self, path: str) -> Path:
        """Where a path inside is for us."""
        return roots.within(self.root, path)

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        """Put a file into it, before the boot or while it runs."""
        roots.write(self.root, path, content, mode=mode)

    def read(self, path: str) -> str:
        """A text file's content; bytes that are not UTF-8 become escapes. Raises: OSError."""
        return self.path(path).read_text(encoding="utf-8", errors="backslashreplace")

    def boot(self, init: Sequence[str] = SYSTEMD) -> None:
        """Start PID 1; returns when it has taken over, not when it has finished starting. Raises: LabError."""
        if self.running:
            raise LabError(f"{self.name} is running already")
        reader, writer = os.pipe()
        try:
            self._outer = self._start_pid1(init, writer)
            os.close(writer)
            self._await_ready(reader)
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(reader)

    def _start_pid1(self, init: Sequence[str], ready: int) -> subprocess.Popen[bytes]:
        order = {
            "root": str(self._root.folder),
            "cgroup": str(self.cgroup),
            "host_name": self.name,
            "ready": ready,
            "init": list(init),
        }
        unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--propagation", "private"]
        stage = [sys.executable, "-IS", pid1.__file__, json.dumps(order)]
        with self.console.open("ab") as console:
            return subprocess.Popen(
                bound_to_us(kept_in(self.network.inside([*unshare, "--kill-child=SIGKILL", *stage]))),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[ready],
                start_new_session=True,
            )

    def _await_ready(self, reader: int) -> None:
        ready, _, _ = select.select([reader], [], [], TIME_TO_START)
        answer = os.read(reader, 4096).decode() if ready else f"no answer in {TIME_TO_START:g} s"
        if answer != "ok\n":
            raise LabError(f"{self.name} cannot be booted: {answer.strip() or self.last_words()}")
        outer = self._outer
        assert outer is not None  # noqa: S101 - set by the only caller
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        self._init = int(children.read_text(encoding="ascii").split()[0])

    def last_words(self) -> str:
        """The end of what its PID 1 wrote to the console."""
        return (
            self.console.read_text(encoding="utf-8", errors="backslashreplace")[-2000:].strip()
            or "no message"
        )

    def settle(self) -> str:
        """Wait until systemd has started everything; gives ``running``, or ``degraded`` and the failed units.

        Raises: LabError, when it does not get there in three minutes.
        """
        answer = wait_for(self._asked_state, f"{self.name} to start", timeout=TIME_TO_SETTLE)
        if answer == "degraded":
            failed = self.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"])
            return f"degraded: {' '.join(line.split()[0] for line in failed.stdout.splitlines() if line)}"
        return answer

    def _asked_state(self) -> str | None:
        """What systemd says about its start; None while it cannot be asked yet."""
        answer = self.run(["systemctl", "is-system-running", "--wait"], timeout=TIME_TO_SETTLE).stdout.strip()
        return answer if answer in {"running", "degraded", "maintenance", "stopping"} else None

    def inside(self, argv: Sequence[str]) -> list[str]:
        """`argv`, to be run inside from here."""
        return kept_in(["nsenter", f"--target={self.init}", "--all", "--", *argv])

    def run(self, argv: Sequence[str], *, timeout: float = 120, stdin: str = "") -> Result:
        """Run a command inside as root. Raises: LabError, when it does not end in `timeout` seconds."""
        return run(self.inside(argv), timeout=timeout, stdin=stdin, environment=ENVIRONMENT)

    @contextmanager
    def start(self, argv: Sequence[str], *, output: str) -> Iterator[subprocess.Popen[bytes]]:
        """Keep a command running inside, with stdout and stderr going to the file `output` there; killed at the end.

        Its process id is that of the `nsenter` in front of it; signals for the command go by `run`.
        """
        log = self.path(output)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            process = subprocess.Popen(
                bound_to_us(self.inside(argv)),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill_session(process)

    def await_text(self, path: str, text: str, *, timeout: float = 120) -> str:
        """Wait until a file inside has `text` in it and give all of it. Raises: LabError."""

        def look() -> str | None:
            file = self.path(path)
            content = self.read(path) if file.is_file() else ""
            return content if text in content else None

        return wait_for(look, f"{text!r} in {path} of {self.name}", timeout=timeout)

    def await_end(self, *, timeout: float = TIME_TO_STOP) -> None:
        """Wait until PID 1 has ended by itself. Raises: LabError."""
        wait_for(lambda: not self.running, f"{self.name} to end", timeout=timeout)

    def power_off(self) -> None:
        """Ask PID 1 to power off and wait; kill it when it does not. Its root stays. Raises: LabError."""
        try:
            wait_for(self._asked_to_end, f"{self.name} to power off", timeout=TIME_TO_STOP)
        finally:
            self.kill()

    def _asked_to_end(self) -> bool:
        """Ask, and again after a while: an init that has just begun does not listen yet."""
        outer = self._outer
        if outer is None:
            return True
        with suppress(LabError, ProcessLookupError):
            os.kill(self.init, pid1.POWER_OFF)
        with suppress(subprocess.TimeoutExpired):
            outer.wait(TIME_TO_LISTEN)
        return outer.poll() is not None

    def reboots(self) -> bool:
        """Whether its PID 1 has ended and asked for a reboot: then `boot` it again."""
        return self._outer is not None and self._outer.poll() == REBOOT_ASKED

    def kill(self) -> None:
        """Cut the power."""
        if self._outer is not None:
            kill_session(self._outer)
        self._outer, self._init = None, None


@contextmanager
def machine(name: str, workspace: Workspace, network: Network, layers: Sequence[Path]) -> Iterator[Machine]:
    """A machine that is not booted yet; at the end it is killed and nothing of it stays.

    name: its host name, unique in the workspace. layers: root file systems, the first one on top. Raises: LabError.
    """
    place = workspace.folder / "machines" / name
    with roots.throw_away_root(layers, place) as root:
        cgroup = cgroups.make(f"{workspace.name}-{name}")
        made = Machine(name, root, network, cgroup, console=place / "console")
        try:
            made.write("/etc/hostname", f"{name}\n")
            made.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
            yield made
        finally:
            made.kill()
            cgroups.remove(cgroup)
