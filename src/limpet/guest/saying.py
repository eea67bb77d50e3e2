"""What the status-only agent says to the fabric: state and text, and what the health report shall have said.

The supervisor decides it: on the agent's command line, and by a file in the exchange folder that is replaced while the agent runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from limpet.guest.records import members_of
from limpet.model.errors import MalformedDocument
from limpet.model.printable import printable

SAYING = "saying.json"
"""In the exchange folder (limpet.guest.fabric_lease)."""
VERSION = 1
LARGEST = 64 * 1024
MOST_TEXT = 1000
READY, NOT_READY = "Ready", "NotReady"
PROVISIONING, FAILED = "Provisioning", "ProvisioningFailed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """state: the agent's in the status, ``Ready`` or ``NotReady``. text: names the stage, one line.

    health: what the other channel shall have heard: ``Ready``, ``Provisioning`` or ``ProvisioningFailed``; None leaves that to the
    agent, which says what is owed.
    """

    state: str
    text: str
    health: str | None = None


def render_saying(saying: Saying) -> bytes:
    """The file `parse_saying` reads."""
    members = {"version": VERSION, "state": saying.state, "text": saying.text, "health": saying.health}
    return (json.dumps(members) + "\n").encode("ascii")


def parse_saying(content: bytes) -> Saying:
    """Read the file. Raises: MalformedDocument, whatever is wrong with it."""
    found = members_of(content, SAYING, version=VERSION, at_most=LARGEST)
    state, text, health = found.get("state"), found.get("text"), found.get("health")
    if not isinstance(state, str) or state not in {READY, NOT_READY}:
        raise MalformedDocument(SAYING, f"state is neither {READY} nor {NOT_READY}")
    if health is not None and (not isinstance(health, str) or health not in {READY, PROVISIONING, FAILED}):
        raise MalformedDocument(SAYING, f"health is none of {READY}, {PROVISIONING}, {FAILED}")
    if not isinstance(text, str) or not one_line(text):
        raise MalformedDocument(SAYING, "there is no text")
    return Saying(state=state, text=one_line(text), health=health)


def one_line(text: str) -> str:
    """Text for people as one printable line."""
    return printable(text)[:MOST_TEXT].strip()
