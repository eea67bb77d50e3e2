"""What the demo tells of a provisioning."""

from __future__ import annotations

from typing import Any

import pytest

from limpet.lab.timeline.boot import FAILED, READY, UNIT
from limpet.lab.timeline.journal import GIVEN_UP, STARTED, STARTING
from limpet.lab.timeline.moments import Tone, Who
from limpet.lab.timeline.words import FabricWords, journal_moment

AGENT = "limpet-agent.service"


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"id": 1, "at": 1000.5, "kind": kind, "vm": "vm0", "data": data}


def health(state: str, sub_status: str | None = None, description: str = "") -> dict[str, Any]:
    return event("health", state=state, subStatus=sub_status, description=description)


def entry(event: str | None = None, /, priority: str = "6", **fields: str) -> dict[str, str]:
    shown = {f"LIMPET_{name.upper()}": value for name, value in fields.items()}
    written = {"__REALTIME_TIMESTAMP": "1000500000", "PRIORITY": priority, "_SYSTEMD_UNIT": UNIT}
    return {**written, **({"LIMPET_EVENT": event, "MESSAGE": f"{event} …"} if event else {}), **shown}


def about(message_id: str, unit: str = UNIT) -> dict[str, str]:
    return {"__REALTIME_TIMESTAMP": "1000500000", "PRIORITY": "6", "UNIT": unit, "MESSAGE_ID": message_id}


def test_reports_are_told_until_the_fabric_knows_that_the_vm_is_ready() -> None:
    words = FabricWords("vm0")
    told = [words.moment(each) for each in (health("NotReady", "Provisioning"), health("Ready"))]
    assert [(moment.what, moment.kind, moment.tone) for moment in told if moment] == [
        ('accepts the report "NotReady: Provisioning"', "health", Tone.NEWS),
        ('accepts the report "Ready"', READY, Tone.GOOD),
    ]


def test_a_report_that_says_the_same_again_is_not_told() -> None:
    words = FabricWords("vm0")
    assert words.moment(health("Ready")) is not None
    assert words.moment(health("Ready")) is None
    assert words.moment(health("NotReady", "Provisioning")) is not None


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("result=error|reason=account: there is a = in it|agent=limpet/1", "account: there is a = in it"),
        ("in nobody's form", "in nobody's form"),
        ("", "no reason given"),
    ],
)
def test_a_provisioning_that_failed_is_bad_news_with_its_reason(description: str, reason: str) -> None:
    moment = FabricWords("vm0").moment(health("NotReady", "ProvisioningFailed", description))
    assert moment is not None
    assert (moment.kind, moment.tone) == (FAILED, Tone.BAD)
    assert moment.what == f'accepts the report "NotReady: ProvisioningFailed": {reason}'


def test_the_host_name_and_the_host_keys_fingerprint_are_told_and_other_properties_are_not() -> None:
    words = FabricWords("vm0")
    name = words.moment(event("host-name", hostName="web-1"))
    key = words.moment(event("role-properties", CertificateThumbprint="0123456789abcdef"))
    assert name is not None
    assert name.what == "hears the host name web-1 by DHCP and has it in its DNS"
    assert key is not None
    assert key.what == "hears the SSH host key's fingerprint, 01234567…"
    assert words.moment(event("role-properties", Other="x")) is None


@pytest.mark.parametrize(
    ("entry", "kind", "expected"),
    [
        (about(STARTING), "boot-started", f"is started ({UNIT}), before the network"),
        (about(STARTED), "boot-ended", "has ended; the network and the agent may start"),
        (about(GIVEN_UP), "boot-lost", "has failed, says systemd"),
        (about("of something else"), None, None),
        (entry(), None, None),
        (entry("boot.begun", standing="new", vm="3332e702-dbf4"), "boot.begun", "sees that this VM is new (id 3332e702…)"),
        (entry("boot.begun", standing="new"), "boot.begun", "boot.begun …"),
        (entry("media.found", where="/dev/sr0"), "media.found", "reads who this VM is to be from /dev/sr0"),
        (entry("metadata.found", where="instance metadata"), "metadata.found", "hears who this VM is to be from instance metadata"),
        (entry("network.lease", interface="eth0", address="10.0.0.4"), "network.lease", "has a lease on eth0: 10.0.0.4"),
        (entry("boot.task", task="account", state="done", seconds="0.0234"), "boot.task", "makes the user (23 ms)"),
        (entry("boot.task", task="sudo", state="done", seconds="0.000"), "boot.task", "lets the user become root"),
        (entry("boot.task", task="account", state="unchanged", seconds="0.000"), None, None),
        (entry("boot.task", task="kept-document", state="done", seconds="0.000"), None, None),
        (entry("boot.task", "3", task="kept-document", state="failed", problem="no space"), "boot.task", "fails: no space"),
        (entry("media.none", "4", tried="x"), "media.none", "media.none …"),
        (entry("media.not_ejected", "4", problem="x"), None, None),
        (entry("report.accepted", state="Ready"), None, None),
    ],
)  # fmt: skip
def test_the_boot_stage_is_told_in_words(
    entry: dict[str, str], kind: str | None, expected: str | None
) -> None:
    moment = journal_moment(entry, AGENT)
    assert (moment and moment.kind, moment and moment.what) == (kind, expected)
    assert moment is None or moment.who is Who.BOOT
