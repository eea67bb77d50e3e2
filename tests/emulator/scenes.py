"""Scenes of an appliance's life, as its supervisor and its agent tell them, for the dashboard's tests."""

from __future__ import annotations

from typing import Any

import httpx
from tests.emulator.small_agent import NOW, SmallAgent

from limpet.model.ids import SequenceNumber
from limpet.model.status import (
    AgentStatus,
    ExtensionState,
    ExtensionStatus,
    GoalStateAggregate,
    GuestInfo,
    HandlerStatus,
    Message,
    SettingsStatus,
    Substatus,
)
from limpet.wire.statusblob import render_status
from limpet.wire.storage import block_blob_request

HOLDERS = {
    "steady": "guest-shell",
    "handing-over": "nobody",
    "rescue": "status-only",
    "preparing": "status-only",
}
WORDS = {
    "steady": "the guest shell talks to the fabric",
    "handing-over": "two of three NICs are with the network OS; the primary one goes last",
    "rescue": "rolled back after the guest shell could not reach the wire server; the next attempt is in 40 s",
    "preparing": "the network OS runs, the guest shell is parked",
}


def document(stage: str, *, moved: int | None = None, **members: Any) -> dict[str, Any]:
    """What ``limpet show --json`` prints at a stage. moved: NICs that are with the network OS, counted from the last."""
    away = {"steady": 3, "handing-over": 2}.get(stage, 0) if moved is None else moved
    nics = [
        {
            "name": f"eth{number}",
            "mac": f"00:0d:3a:00:00:0{4 + number}",
            "owner": "network OS" if number >= 3 - away else "linux",
            "primary": number == 0,
            "address": f"10.0.{number}.4/24",
            "up": True,
            "vf": "enP1s1" if number == 1 else None,
        }
        for number in range(3)
    ]
    running = stage == "steady"
    return {
        "version": 1,
        "stage": stage,
        "since": 1767225600.0,
        "words": WORDS.get(stage),
        "problem": "no answer from 168.63.129.16:80 in 10 s" if stage == "rescue" else None,
        "fabricLease": {"holder": HOLDERS.get(stage, "boot"), "epoch": 3},
        "networkOs": {
            "driver": "frr",
            "health": "healthy" if stage != "booting" else None,
            "since": 1767225590.0,
            "problem": None,
        },
        "nics": nics,
        "guestShell": {
            "runtime": "lxc",
            "state": "running" if running else "parked",
            "instance": "gs-4f2a",
            "restarts": 0,
            "image": "A, built 2026-01-01",
            "problem": None,
        },
        "lease": {
            "address": "10.0.0.4",
            "gateway": "10.0.0.1",
            "dns": ["168.63.129.16"],
            "wireServer": "168.63.129.16",
        },
        "goalState": {"id": "incarnation 3", "at": 1767225601.0},
        "status": {"acceptedAt": 1767225602.0, "code": 201},
        "handover": {
            "attempts": 2 if stage == "rescue" else 1,
            "startedAt": 1767225598.0,
            "gap": 0.42 if running else None,
            "confirmed": running,
        },
        **members,
    }


def entry(
    name: str,
    word: ExtensionState,
    message: str,
    *,
    sequence: int = 0,
    version: str = "1.0.0",
    code: int = 0,
    parts: tuple[Substatus, ...] = (),
) -> HandlerStatus:
    """What is reported of one handler with one extension."""
    status = ExtensionStatus(status=word, code=code, message=Message(message=message), substatus=parts)
    settings = SettingsStatus(name=name, sequence_number=SequenceNumber(sequence), status=status)
    return HandlerStatus(name=name, version=version, status="Ready", settings=settings)


def report(
    wire: str,
    *handlers: HandlerStatus,
    message: str = "steady: the guest shell talks to the fabric",
    aggregate: str = "Success",
    computer: str = "appliance1",
) -> None:
    """Upload a status as the VM's agent would."""
    agent = SmallAgent(wire)
    state = agent.extensions()
    assert state.status_upload is not None
    status = AgentStatus(
        timestamp=NOW,
        guest=GuestInfo(
            computer_name=computer, os_name="debian", os_version="12", agent_version="limpet-0.4"
        ),
        message=Message(message=message),
        handlers=handlers,
        goal_state=GoalStateAggregate(
            status=aggregate,
            code=0,
            message=Message(message="as wanted"),
            svd_sequence_number=state.svd_sequence_number,
            finished=NOW,
        ),
    )
    agent.ask(block_blob_request(state.status_upload.url.reveal(), render_status(status), NOW))


def change(handler: str, level: int, **members: Any) -> dict[str, Any]:
    """A handler of a publication that needs no package."""
    return {
        "handler": handler,
        "version": "1.0.0",
        "manifestUris": ["http://store.example/m.xml"],
        "public": {"k": "v"},
        "protected": {"password": "hunter2-is-secret"},
        "dependencyLevel": level,
        **members,
    }


def tell(page: str, vm: str, told: dict[str, Any]) -> httpx.Response:
    """Put a document, as the lab does."""
    return httpx.put(f"{page}v1/vms/{vm}/appliance", json=told, trust_env=False, timeout=120)


def ready(wire: str) -> None:
    """Report health as a provisioned VM does."""
    SmallAgent(wire).post("/provisioning/health", '{"state": "Ready"}')
