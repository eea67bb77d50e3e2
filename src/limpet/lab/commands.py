"""Running programs from the lab: argument vectors, a limit in time, and an error that says what was run and what it answered."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.model.errors import LimpetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_ANSWER = 2000


class LabError(LimpetError):
    """The machine room cannot do what was asked. The message says what was tried and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a command ended. exit_code: negative for a signal. Output that is not UTF-8 is shown with escapes."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def checked(self) -> str:
        """What it wrote to stdout. Raises: LabError, when it did not end with 0."""
        if self.exit_code:
            answer = (self.stderr.strip() or self.stdout.strip())[-LONGEST_ANSWER:]
            raise LabError(f"`{shlex.join(self.argv)}` ended with {self.exit_code}: {answer or 'no message'}")
        return self.stdout


def run(
    argv: Sequence[str],
    *,
    timeout: float = 120,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run a command to its end in a session of its own; at its time limit the whole session is killed.

    environment: all of it; None for this process's own. Raises: LabError, when it cannot be started or does not end.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise LabError(f"cannot start `{argv[0]}`: {error.strerror}") from error
    with process:
        try:
            stdout, stderr = process.communicate(stdin.encode(), timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_session(process)
            raise LabError(f"`{shlex.join(argv)}` did not end within {timeout:g} s") from None
        except BaseException:
            kill_session(process)
            raise
    return Result(
        argv=tuple(argv),
        exit_code=process.returncode,
        stdout=stdout.decode(errors="backslashreplace"),
        stderr=stderr.decode(errors="backslashreplace"),
    )


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in its own session, and what it started there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# What would change this machine, not the guest: modules, raw hardware, the clock.
KEPT_OUT = "-sys_module,-sys_rawio,-sys_time"


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """`argv`, to be killed by the kernel when the thread that starts it ends, so that even SIGKILL leaves no process.

    Start such commands from a thread that outlives them.
    """
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


def kept_in(argv: Sequence[str]) -> list[str]:
    """`argv`, without the power over what all namespaces share."""
    return ["setpriv", f"--bounding-set={KEPT_OUT}", "--", *argv]


def own_command(called: str, *, found: bool) -> str:
    """How a person calls this program. called: how this process was (argv[0]). found: whether a shell finds it by its name."""
    path = Path(called)
    return "limpet" if found or path.name != "limpet" else shlex.quote(str(path.absolute()))
