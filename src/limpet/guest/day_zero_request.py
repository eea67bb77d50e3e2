"""What boot gives to the network OS's driver: the provisioning document's wishes, password and custom data included.

It goes from the boot stage to a worker of the supervisor's program on its standard input, and is never on a disk.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from limpet.guest.records import word
from limpet.guest.steps import Answer, Run, Task
from limpet.guest.translation import OUTPUT, TRANSLATION, DayZero
from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import OvfEnvironment, PublicKey
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "day-zero request"
VERSION = 1
LARGEST = 4 * 1024 * 1024
_SHORTEST_PASSWORD, _SHORTEST_LINE = 4, 8
"""What is shorter is a part of other words, or says nothing, as `exit` does; letters."""
WORKER = "limpet.appliance.workers.day_zero"


def plan_worker(command: tuple[str, ...], day_zero: DayZero, *, timeout: float) -> tuple[Task, ...]:
    """Have the driver do it, in a process of its own. command: the worker's. timeout: seconds."""
    if day_zero.is_done:
        return ()
    return (
        Task(
            name=TRANSLATION,
            purpose="give the custom data to the network OS",
            steps=(
                Run(
                    command,
                    stdin=render_request(day_zero),
                    timeout=timeout,
                    answer=Answer(check=lambda _said: None, log=OUTPUT, secrets=secrets_of),
                    shown="the network OS's driver",
                ),
            ),
            advice=f"See {OUTPUT}.",
        ),
    )


def render_request(day_zero: DayZero) -> Secret[bytes]:
    """What `parse_request` reads."""
    asked = day_zero.environment
    members = {
        "version": VERSION,
        "vmId": day_zero.vm_id,
        "hostName": asked.host_name,
        "userName": asked.user_name,
        "userPassword": None if asked.user_password is None else asked.user_password.reveal(),
        "customData": None if asked.custom_data is None else asked.custom_data.reveal(),
        "disableSshPasswordAuthentication": asked.disable_ssh_password_authentication,
        "publicKeys": [
            {"path": key.path, "fingerprint": key.fingerprint, "value": key.value}
            for key in asked.public_keys
        ],
    }
    return Secret(json.dumps(members).encode("ascii"))


def secrets_of(document: bytes) -> tuple[str, ...]:
    """What nobody who was told a day-0 document may be quoted with: password, custom data, and each line of that; longest first.

    Each also as it stands in the document, and as a shell that tells what it does (`sh -x`) writes it.
    """
    told = json.loads(document)
    found = {each for each in (told["userPassword"],) if each and len(each) >= _SHORTEST_PASSWORD}
    custom_data = told["customData"] or ""
    try:
        text = base64.b64decode("".join(custom_data.split()), validate=True).decode("utf-8", "replace")
    except ValueError:
        text = ""
    lines = (custom_data, *custom_data.splitlines(), *text.splitlines())
    found |= {line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE}
    found |= {form for each in found for form in _forms(each)}
    return tuple(sorted(found, key=lambda each: (-len(each), each)))


def _forms(text: str) -> Iterator[str]:
    for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield from (form, form.replace("'", "'\\''"), form.replace("'", "'\"'\"'"))


def parse_request(content: bytes) -> tuple[str, OvfEnvironment]:
    """The VM's id, and what was asked for. Raises: MalformedDocument, without a word of the content."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedDocument(DOCUMENT, "it is not JSON") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise MalformedDocument(DOCUMENT, f"it is not of version {VERSION}")
    password, custom_data = _text(found, "userPassword"), _text(found, "customData")
    without = found.get("disableSshPasswordAuthentication")
    keys = found.get("publicKeys")
    if not isinstance(without, bool | None) or not isinstance(keys, list):
        raise MalformedDocument(DOCUMENT, "a member is of the wrong kind")
    return word(found, "vmId", DOCUMENT), OvfEnvironment(
        host_name=_text(found, "hostName") or "",
        user_name=_text(found, "userName"),
        user_password=None if password is None else Secret(password),
        custom_data=None if custom_data is None else Secret(custom_data),
        disable_ssh_password_authentication=without,
        public_keys=tuple(_key(each) for each in keys),
    )


def _key(found: Any) -> PublicKey:
    if not isinstance(found, dict):
        raise MalformedDocument(DOCUMENT, "a key is of the wrong kind")
    fingerprint = _text(found, "fingerprint")
    return PublicKey(
        path=_text(found, "path") or "",
        fingerprint=None if fingerprint is None else Thumbprint(fingerprint),
        value=_text(found, "value"),
    )


def _text(found: dict[str, Any], name: str) -> str | None:
    value = found.get(name)
    if not isinstance(value, str | None):
        raise MalformedDocument(DOCUMENT, f"{name} is of the wrong kind")
    return value
