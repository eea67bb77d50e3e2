"""The lab's shell in a VM, over its second serial port: it needs no network, no password and no login.

The other end is `guest.SHELL`.
"""

from __future__ import annotations

import select
import socket
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from limpet.lab.clock import seconds
from limpet.lab.commands import LabError, Result

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_ANSWER = 16 << 20
LARGEST_COMMAND = 100_000
"""In bytes: Linux takes 128 KiB in one argument."""
GRACE = 20.0
"""Seconds that an answer may take beyond its command's own limit."""


class Shell:
    """Commands as root, one after the other. boot_id: of the kernel that answered last; None before the first."""

    def __init__(self, path: Path) -> None:
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect(str(path))
        self._link.setblocking(False)
        self._pending = b""
        self._number = 0
        self.boot_id: str | None = None

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def run(self, script: str, *, timeout: float = 60) -> Result:
        """Run a script of sh in the VM. Raises: LabError, when it does not answer or is killed at its limit.

        timeout: seconds.
        """
        order = b64encode(script.encode())
        if len(script.encode()) > LARGEST_COMMAND:
            raise LabError(f"a command of {len(script)} characters is too long for the lab's shell")
        self._number += 1
        began = seconds()  # before it can begin there
        self._send(f"{self._number} {timeout:g} ".encode() + order + b"\n", timeout=timeout + GRACE)
        end = seconds() + timeout + GRACE
        while True:
            words = self._line(end, what=f"the VM to answer {script[:200]!r}").split(" ")
            if words[0] == f"@{self._number}" and len(words) == 4:
                break
            self._note(words)
        # A command may well end with these by itself: what is killed in a guest shell, for instance.
        if int(words[1]) in {124, 137} and seconds() - began > 0.9 * timeout:
            raise LabError(f"{script[:200]!r} did not end within {timeout:g} s in the VM")
        stdout, stderr = (b64decode(word.rstrip(".")).decode(errors="backslashreplace") for word in words[2:])
        return Result(argv=("sh", "-c", script), exit_code=int(words[1]), stdout=stdout, stderr=stderr)

    def await_boot(self, *, timeout: float) -> str:
        """Wait until the shell of a boot other than the one known answers; gives its id. Raises: LabError."""
        known, end = self.boot_id, seconds() + timeout
        while self.boot_id == known:
            self._note(self._line(end, what="the VM to boot").split(" "))
        assert self.boot_id is not None  # noqa: S101 - differs from what was known
        return self.boot_id

    def _note(self, words: list[str]) -> None:
        if words[0] == "@boot" and len(words) == 2:
            self.boot_id = words[1]

    def _send(self, data: bytes, *, timeout: float) -> None:
        end = seconds() + timeout
        while data:
            _, ready, _ = select.select([], [self._link], [], max(0.0, end - seconds()))
            if not ready:
                raise LabError(f"the VM has not read a command in {timeout:g} s")
            try:
                data = data[self._link.send(data) :]
            except OSError as error:
                raise LabError("the VM is off") from error

    def _line(self, end: float, *, what: str) -> str:
        """The next line. Raises: LabError, at `end`, when the VM is gone, or when the line is endless."""
        while b"\n" not in self._pending:
            if len(self._pending) > LARGEST_ANSWER:
                raise LabError(f"waited for {what}, and got more than {LARGEST_ANSWER} bytes")
            ready, _, _ = select.select([self._link], [], [], max(0.0, end - seconds()))
            if not ready:
                raise LabError(f"waited in vain for {what}; got so far {self._pending[-200:]!r}")
            self._pending += self._received(what)
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("ascii", errors="replace").strip()

    def _received(self, what: str) -> bytes:
        try:
            part = self._link.recv(1 << 16)
        except OSError:
            part = b""
        if not part:
            raise LabError(f"waited for {what}, but the VM is off")
        return part
