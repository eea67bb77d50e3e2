"""The instance metadata service. Source: wire-protocol.md §10, §A.2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.emulator import metadata
from limpet.emulator.exchange import JSON, Reply

if TYPE_CHECKING:
    from limpet.emulator.exchange import Call
    from limpet.emulator.routes.context import Context
    from limpet.emulator.vm import VirtualMachine
    from limpet.emulator.world import World


def instance(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """The instance document or a part of it, as JSON or (``format=text``) as text."""
    if (call.header("metadata") or "").lower() != "true":
        return world, _error("Bad request. Required metadata header not specified")
    if call.header("x-forwarded-for") is not None:
        return world, _error("Bad request. Requests with X-Forwarded-For are not answered")
    version = call.query.get("api-version")
    if version not in metadata.VERSIONS:
        newest = list(reversed(metadata.VERSIONS))[:3]
        reason = (
            "was not specified in the request" if version is None else f"{version[:40]!r} is not supported"
        )
        return world, _error(f"Bad request. api-version {reason}", {"newest-versions": newest})
    extended = call.query.get("extended", "").lower() == "true"
    steps = [step for step in call.path.split("/") if step][2:]
    try:
        part = metadata.find(metadata.instance(vm, version, extended=extended), steps)
    except LookupError:
        return world, _error("Not found", status=404)
    if call.query.get("format", "json").lower() == "text":
        body = metadata.as_text(part).encode()
        return world, Reply(body=body, headers=(("Content-Type", "text/plain; charset=utf-8"),))
    if not isinstance(part, dict | list):
        return world, _error("Bad request. A single value is given with format=text only")
    return world, Reply(body=json.dumps(part).encode(), headers=(JSON,))


def _error(message: str, more: dict[str, Any] | None = None, *, status: int = 400) -> Reply:
    body = json.dumps({"error": message, **(more or {})}).encode()
    return Reply(status=status, body=body, headers=(JSON,))
