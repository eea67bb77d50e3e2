"""Programs of a machine in memory: the Commands port, with programs that behave as the real ones do.

A program is a function of the machine's files and one call. Those of one area are in one module of
`limpet.host.fake_programs`; what has no function is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.ports import Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.host.fake_files import FakeFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One run of a program. argv[0] is the program as it was called."""

    argv: tuple[str, ...]
    stdin: bytes
    timeout: float


@dataclass(frozen=True, slots=True)
class Said:
    """What a program says and how it ends."""

    stdout: bytes | str = b""
    exit_code: int | None = 0
    stderr: bytes | str = b""


@dataclass
class FakeCommands:
    """programs: by name. ran: every call, in order. before: called before each run; it may cut the power."""

    files: FakeFiles
    programs: dict[str, Callable[[FakeFiles, Call], Said]] = field(default_factory=dict)
    ran: list[Call] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, at_most: int = 1024 * 1024
    ) -> Completed:
        """Run a program; exit_code is 127 when there is none of that name."""
        self.before()
        call = Call(argv=tuple(argv), stdin=stdin, timeout=timeout)
        self.ran.append(call)
        program = self.programs.get(argv[0].rpartition("/")[2])
        said = Said(exit_code=127, stderr="no such program") if program is None else program(self.files, call)
        return Completed(
            exit_code=said.exit_code,
            stdout=_bytes(said.stdout)[:at_most],
            stderr=_bytes(said.stderr)[:at_most],
            seconds=0.0,
        )

    def exists(self, program: str) -> bool:
        """Whether there is a program of that name."""
        return program.rpartition("/")[2] in self.programs


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content
