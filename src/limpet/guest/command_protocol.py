"""The guest shell asks the network OS for a command: one request and one reply, each a line of JSON, on a unix socket.

It is the idea of IOS XE's `cli` and `dohost`: a script in the guest shell uses the router's own command language (R13).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.wire.jsondoc import an_object, member, parse

SOCKET = "command.sock"
"""In the exchange folder (limpet.guest.fabric_lease), on the host and in the guest."""
VERSION = 1
LARGEST_REQUEST = 16 * 1024
LARGEST_REPLY = 1024 * 1024
LONGEST_LINE = 1024
LONGEST_TIMEOUT = 3600.0
REQUEST, REPLY = "request", "reply"
_MOST_STDOUT = 640 * 1024
_MOST_STDERR = 64 * 1024
_MOST_PROBLEM = 1000
_CUT = "\n[... the rest was left out]\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandRequest:
    """line: of the network OS's command language. timeout: seconds; None for what the appliance allows."""

    line: str
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandReply:
    """exit_code: the network OS's, None when the line was not done, or not to its end. problem: why; then for people.

    refused: whether the line was never begun.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    problem: str | None = None
    refused: bool = False


def fault_of(line: str) -> str | None:
    """What is wrong with a line whatever its words mean: it must be one line of printable characters."""
    if not line.strip():
        return "the line is empty"
    if len(line) > LONGEST_LINE:
        return f"the line has {len(line)} characters, more than the {LONGEST_LINE} that are accepted"
    if not line.isprintable():
        return "the line has characters that are not printable"
    return None


def render_request(request: CommandRequest) -> bytes:
    """The line `parse_request` reads."""
    return _rendered({"line": request.line, "timeout": request.timeout})


def parse_request(content: bytes) -> CommandRequest:
    """Read a request. Raises: MalformedDocument, also for a line that cannot be one."""
    members = _members(content, REQUEST, LARGEST_REQUEST)
    line = member(members, "line", str, REQUEST)
    if (fault := fault_of(line)) is not None:
        raise MalformedDocument(REQUEST, fault)
    timeout = member(members, "timeout", (int, float), REQUEST, None)
    if timeout is not None and not 0 < timeout <= LONGEST_TIMEOUT:
        raise MalformedDocument(REQUEST, f"timeout is not between 0 and {LONGEST_TIMEOUT:g} seconds")
    return CommandRequest(line=line.strip(), timeout=None if timeout is None else float(timeout))


def render_reply(reply: CommandReply) -> bytes:
    """The line `parse_reply` reads, never longer than that accepts: what a command says is cut."""
    most_stdout, most_stderr = _MOST_STDOUT, _MOST_STDERR
    while True:
        content = _rendered(
            {
                "exitCode": reply.exit_code,
                "stdout": _cut(reply.stdout, most_stdout),
                "stderr": _cut(reply.stderr, most_stderr),
                "problem": None if reply.problem is None else reply.problem[:_MOST_PROBLEM],
                "refused": reply.refused,
            }
        )
        if len(content) <= LARGEST_REPLY:
            return content
        most_stdout, most_stderr = most_stdout // 2, most_stderr // 2


def parse_reply(content: bytes) -> CommandReply:
    """Read a reply. Raises: MalformedDocument."""
    members = _members(content, REPLY, LARGEST_REPLY)
    return CommandReply(
        exit_code=member(members, "exitCode", int, REPLY, None),
        stdout=member(members, "stdout", str, REPLY, ""),
        stderr=member(members, "stderr", str, REPLY, ""),
        problem=member(members, "problem", str, REPLY, None),
        refused=member(members, "refused", bool, REPLY, False),
    )


def _rendered(members: dict[str, Any]) -> bytes:
    text = json.dumps({"version": VERSION, **members}, ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


def _members(content: bytes, document: str, limit: int) -> dict[str, Any]:
    members = an_object(parse(content, document, limit=limit), document)
    if member(members, "version", int, document) != VERSION:
        raise MalformedDocument(document, f"it is not of version {VERSION}")
    return members


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + _CUT
