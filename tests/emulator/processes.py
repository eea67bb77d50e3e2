"""The emulator as people start it: a process on loopback ports."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from limpet.emulator.client import AdminAddress, AdminClient

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-W", "error", "-m", "limpet", "emulator")
HELLO = str(Path(__file__).parents[2] / "examples" / "Limpet.Sample.Hello-1.0.0")
ON_LOOPBACK = ("--wire", "127.0.0.1:0", "--host-plugin", "127.0.0.1:0", "--imds", "none")

Command = Callable[..., tuple[int, str, str]]
"""Runs one command line: exit code, output, complaints."""


@dataclass
class Process:
    """ready: what it said when it was."""

    ready: dict[str, Any]
    admin: str
    process: subprocess.Popen[str]
    output: IO[str]

    @property
    def wire(self) -> str:
        return str(self.ready["services"]["wire-server"][0])

    def client(self) -> AdminClient:
        return AdminClient(AdminAddress.read(self.admin))

    def tells(self) -> dict[str, Any]:
        """The next thing it tells."""
        found: dict[str, Any] = json.loads(self.output.readline())
        return found

    def ended(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code after a signal, and what it complained of."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=240)
        return self.process.returncode, errors


@contextmanager
def emulator(folder: Path, *arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[Process]:
    """Run one with JSON output until the end. pass_fds: open files that it gets too."""
    admin = f"unix:{folder}/admin.sock"
    process = subprocess.Popen(
        [*COMMAND, "serve", *ON_LOOPBACK, "--admin", admin, "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        first = process.stdout.readline()
        assert first, process.stderr.read()
        yield Process(json.loads(first), admin, process, process.stdout)
    finally:
        process.kill()
        process.communicate(timeout=240)
