"""What a client asked of the fabric, brought into a form that is the same in every run: its golden record.

A record has three parts. `order`: for each step of the scenario the main loop's requests, each kind once, in the order
of their first occurrence, so that it does not matter how often was polled. `at any time`: what other threads ask, and polls that found nothing new.
`headers`: of each kind, in the order in which they were sent; several lists where they differ.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent / "golden"
REWRITE = "LIMPET_GOLDEN"
"""Set to `write`, records are written anew instead of compared."""

NOT_MODIFIED = 304
"""The answer to a poll that came too early: whether one does is chance too."""
# Asked by threads of their own, whose order against the main loop is chance.
BACKGROUND = frozenset(
    {"host-plugin-versions", "host-plugin-health", "health-service", "instance-metadata", "telemetry"}
)
_HEX = "[0-9a-fA-F]"
_DASH = "(?:-|%2D)"
NORMALISED = (
    (re.compile(_DASH.join(f"{_HEX}{{{size}}}" for size in (8, 4, 4, 4, 12))), "<guid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?"), "<date>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"), "<date>"),
    (re.compile(r"(WALinuxAgent/)[\d.]+"), r"\1<version>"),
    (re.compile(r"[A-Za-z0-9+/]{200,}={0,2}"), "<base64>"),
    (re.compile(r"\b\d{10,}\b"), "<number>"),
    (re.compile(r"(?<=incarnation=)\d+"), "<number>"),
)


def normalised(text: str) -> str:
    for pattern, replacement in NORMALISED:
        text = pattern.sub(replacement, text)
    return text


def record(requests: Sequence[Mapping[str, Any]], began: Mapping[str, float]) -> dict[str, Any]:
    """The record of a ledger's requests. began: when each step began, in their order."""
    order: dict[str, list[str]] = {step: [] for step in began}
    at_any_time: set[str] = set()
    headers: dict[str, list[list[str]]] = {}
    for request in requests:
        line = _line(request)
        shown = [_header(name, value) for name, value in request["headers"]]
        kinds = headers.setdefault(line, [])
        if shown not in kinds:
            kinds.append(shown)
        if request["endpoint"] in BACKGROUND or request["status"] == NOT_MODIFIED:
            at_any_time.add(line)
        else:
            step = [name for name, time in began.items() if time <= request["at"]][-1]
            if line not in order[step]:
                order[step].append(line)
    return {
        "order": order,
        "at any time": sorted(at_any_time),
        "headers": {line: sorted(kinds) for line, kinds in sorted(headers.items())},
    }


def _line(request: Mapping[str, Any]) -> str:
    target = normalised(request["target"])
    return f"{request['method']} {request['service']} {target} → {request['status']}"


def _header(name: str, value: str) -> str:
    return f"{name}: {'<size>' if name.lower() == 'content-length' else normalised(value)}"


def rewriting() -> bool:
    """Whether records are to be written instead of compared."""
    return os.environ.get(REWRITE) == "write"


def write(name: str, found: dict[str, Any]) -> None:
    """Make a record the golden one."""
    _file(name).write_text(_text(found), encoding="utf-8")


def difference(name: str, found: dict[str, Any]) -> str:
    """How a record differs from the golden one, as a unified diff; empty when it does not."""
    file = _file(name)
    golden = file.read_text(encoding="utf-8") if file.is_file() else ""
    lines = difflib.unified_diff(
        golden.splitlines(), _text(found).splitlines(), f"golden/{file.name}", "this run", lineterm=""
    )
    return "\n".join(lines)


def _file(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
