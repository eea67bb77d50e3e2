"""What a network OS forgets before its disk becomes an image: a plan that the appliance's program makes, and `limpet deprovision` does.

It goes from a worker of the supervisor's program to the command on the worker's standard output, so no secret may be in it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.records import word
from limpet.guest.steps import Answer, Copy, Remove, Run, Task
from limpet.model.errors import MalformedDocument
from limpet.wire.jsondoc import an_array, an_object, member, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.steps import Step

DOCUMENT = "the plan of what the network OS forgets"
VERSION = 1
LARGEST = 256 * 1024
WORKER = "limpet.appliance.workers.forget"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgetting:
    """network_os: the driver's name. tasks: what it forgets. notes: what stays and somebody might expect to go, a sentence each."""

    network_os: str
    tasks: tuple[Task, ...] = ()
    notes: tuple[str, ...] = ()


def any_answer(said: bytes) -> None:
    """A program that forgets may say what it likes."""
    del said


def render_forgetting(found: Forgetting) -> bytes:
    """What `parse_forgetting` reads. Raises: TypeError, for a step that is none of Copy, Remove and Run without a secret."""
    members = {
        "version": VERSION,
        "networkOs": found.network_os,
        "notes": list(found.notes),
        "tasks": [
            {
                "name": task.name,
                "purpose": task.purpose,
                "problem": task.problem,
                "advice": task.advice,
                "steps": [_members(step) for step in task.steps],
            }
            for task in found.tasks
        ],
    }
    return json.dumps(members).encode("ascii")


def _members(step: Step) -> dict[str, Any]:
    match step:
        case Remove(path=path):
            return {"remove": str(path)}
        case Copy(source=source, path=path):
            return {"copy": str(source), "to": str(path)}
        case Run(stdin=bytes() as stdin):
            answer = step.answer
            return {
                "run": list(step.argv),
                "input": base64.b64encode(stdin).decode("ascii"),
                "seconds": step.timeout,
                "log": None if answer is None or answer.log is None else str(answer.log),
                "meanings": {}
                if answer is None
                else {str(code): text for code, text in answer.meanings.items()},
            }
        case _:
            raise TypeError(f"a network OS does not forget by: {step.describe()}")


def parse_forgetting(content: bytes) -> Forgetting:
    """Raises: MalformedDocument."""
    found = an_object(parse(content, DOCUMENT, limit=LARGEST), DOCUMENT)
    if member(found, "version", int, DOCUMENT) != VERSION:
        raise MalformedDocument(DOCUMENT, f"it is not of version {VERSION}")
    tasks = an_array(member(found, "tasks", list, DOCUMENT), DOCUMENT, "member tasks")
    notes = an_array(member(found, "notes", list, DOCUMENT), DOCUMENT, "member notes")
    return Forgetting(
        network_os=word(found, "networkOs", DOCUMENT),
        tasks=tuple(_task(an_object(each, DOCUMENT, "a task")) for each in tasks),
        notes=tuple(each for each in notes if isinstance(each, str)),
    )


def _task(found: dict[str, Any]) -> Task:
    steps = an_array(member(found, "steps", list, DOCUMENT), DOCUMENT, "member steps")
    return Task(
        name=word(found, "name", DOCUMENT),
        purpose=member(found, "purpose", str, DOCUMENT),
        steps=tuple(_step(an_object(each, DOCUMENT, "a step")) for each in steps),
        problem=member(found, "problem", str, DOCUMENT, None),
        advice=member(found, "advice", str, DOCUMENT, ""),
    )


def _step(found: dict[str, Any]) -> Step:
    if "remove" in found:
        return Remove(path=_path(found, "remove"))
    if "copy" in found:
        return Copy(_path(found, "copy"), _path(found, "to"))
    argv = an_array(member(found, "run", list, DOCUMENT), DOCUMENT, "member run")
    if not argv or not all(isinstance(each, str) for each in argv):
        raise MalformedDocument(DOCUMENT, "a program to run is no list of words")
    log = member(found, "log", str, DOCUMENT, None)
    return Run(
        tuple(argv),
        stdin=_decoded(member(found, "input", str, DOCUMENT, "")),
        timeout=float(member(found, "seconds", (int, float), DOCUMENT)),
        answer=None if log is None else Answer(check=any_answer, log=Path(log), meanings=_meanings(found)),
    )


def _meanings(found: dict[str, Any]) -> Mapping[int, str]:
    told = an_object(member(found, "meanings", dict, DOCUMENT, {}), DOCUMENT, "member meanings")
    return {int(code): str(text) for code, text in told.items() if code.isdecimal()}


def _path(found: dict[str, Any], name: str) -> Path:
    path = Path(member(found, name, str, DOCUMENT))
    if not path.is_absolute() or ".." in path.parts:
        raise MalformedDocument(DOCUMENT, f"member {name} is no absolute path")
    return path


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise MalformedDocument(DOCUMENT, "member input is not base64") from None
