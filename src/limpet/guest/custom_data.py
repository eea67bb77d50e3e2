"""Custom data: kept, decoded, run once. Source: guest-setup.md §A.7 and §L (defect 8: it is bytes, not text).

It is run again when the power went while it ran, for nobody can tell how far it came; never after it has ended.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.steps import Step

CUSTOM_DATA = "custom-data"
CUSTOM_DATA_RUN = "custom-data-run"
NAME = "CustomData"
NOTE = Path("/var/lib/limpet/custom-data")
OUTPUT = Path("/var/log/limpet-custom-data.log")
LARGEST = 1024 * 1024
"""Bytes of the kept file that are read to compare; the platform's limit for custom data is 64 KiB."""

_SPACE = re.compile(r"[\s\0]+")
_LONGEST_LINE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomDataWish:
    """vm_id: for whom. library: the agent's folder. timeout: seconds that it may run."""

    vm_id: str
    library: Path
    text: Secret[str] | None
    decode: bool = False
    execute: bool = False
    timeout: float = 1800.0

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self.library / NAME


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomDataFacts:
    """What the machine says.

    kept: the file's content now. ran_for: the VM id for which it has run to its end. programs: those of `interpreter_of` that
    the machine has.
    """

    kept: Secret[bytes] | None = None
    kept_mode: int = 0
    ran_for: str | None = None
    programs: frozenset[str] = frozenset()


def decoded(text: Secret[str]) -> Secret[bytes] | None:
    """The bytes of a base64 text; white space anywhere and missing padding are tolerated. None when it is not base64."""
    letters = _SPACE.sub("", text.reveal())
    try:
        return Secret(a2b_base64((letters + "=" * (-len(letters) % 4)).encode("ascii"), strict_mode=True))
    except (Error, UnicodeEncodeError):
        return None


def interpreter_of(content: Secret[bytes]) -> str | None:
    """The program that the first line (#!) names; None where there is no such line. Source: execve(2).

    A carriage return before the line's end belongs to the name, or to an argument: lines of another system cannot be run.
    """
    line = content.reveal()[:_LONGEST_LINE].partition(b"\n")[0]
    words = [word for word in re.split(rb"[ \t]+", line[2:]) if word] if line.startswith(b"#!") else []
    return words[0].decode("utf-8", "replace") if words else None


def plan_custom_data(wish: CustomDataWish, facts: CustomDataFacts) -> tuple[Task, ...]:
    """Keep it; say so when it was to be decoded and is not base64 (it is kept as it came then)."""
    if wish.text is None:
        return ()
    content = decoded(wish.text) if wish.decode or wish.execute else None
    kept = content if content is not None else Secret(wish.text.reveal().encode("utf-8", "replace"))
    mode = 0o700 if content is not None and wish.execute else 0o600
    steps: tuple[Step, ...] = ()
    if facts.kept != kept or facts.kept_mode != mode:
        steps = (MakeFolder(wish.library, mode=0o700), Write(wish.path, kept, mode=mode))
    tasks = [Task(name=CUSTOM_DATA, purpose="keep the custom data", steps=steps)]
    if content is None and (wish.decode or wish.execute):
        tasks.append(
            Task(
                name="custom-data-decoding",
                purpose="decode the custom data",
                problem=f"it is not base64; its text is in {wish.path} as it came",
                advice="Give it in base64, or leave custom_data.decode and custom_data.execute off.",
            )
        )
    return tuple(tasks)


def plan_custom_data_run(wish: CustomDataWish, facts: CustomDataFacts) -> tuple[Task, ...]:
    """Run it once for this VM, however it ends; nothing when that is not wanted. These tasks are for the end of a plan.

    How it ends is told and does not count against the VM: what it says is in `OUTPUT`. That it cannot even begin counts.
    """
    if wish.text is None or not wish.execute:
        return ()
    content = decoded(wish.text)
    if content is None or (facts.ran_for or "").lower() == wish.vm_id.lower():
        return ()
    purpose = "run the custom data"
    program = interpreter_of(content)
    if program is not None and program not in facts.programs:
        advice = "Name a program of the image in its first line."
        if program.endswith("\r"):
            advice = "Save it with line feeds at the ends of lines and without carriage returns."
        problem = f"its first line names {ascii(program)[:80]}, which is not there"
        return (
            Task(name=CUSTOM_DATA_RUN, purpose=purpose, after=(CUSTOM_DATA,), problem=problem, advice=advice),
        )
    argv = (str(wish.path),) if _runs_itself(content) else ("/bin/sh", str(wish.path))
    return (
        Task(
            name=CUSTOM_DATA_RUN,
            purpose=purpose,
            after=(CUSTOM_DATA,),
            required=False,
            steps=(Run(argv, timeout=wish.timeout, output=OUTPUT),),
            advice=f"See {OUTPUT}.",
        ),
        Task(
            name="custom-data-note",
            purpose="note that the custom data has run",
            after=(CUSTOM_DATA,),
            steps=(
                MakeFolder(NOTE.parent, mode=0o700),
                Write(NOTE, f"{wish.vm_id}\n".encode(), mode=0o600),
            ),
        ),
    )


def _runs_itself(content: Secret[bytes]) -> bool:
    return content.reveal().startswith((b"#!", b"\x7fELF"))
