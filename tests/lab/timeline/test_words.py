"""What the demo tells of the fabric's events and of the journal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from limpet.lab.timeline.journal import ENDED, FINISHED_STARTING, GIVEN_UP, STARTED, journal_entry
from limpet.lab.timeline.moments import Tone, Who
from limpet.lab.timeline.words import FabricWords, journal_moment, size

UNIT = "limpet-agent.service"
HELLO = "Limpet.Sample.Hello"


def event(kind: str, vm: str | None = "vm0", **data: Any) -> dict[str, Any]:
    return {"id": 1, "at": 1000.5, "kind": kind, "vm": vm, "data": data}


def wanted(name: str = HELLO, sequence: int = 0, **more: Any) -> dict[str, Any]:
    extensions = [{"name": name, "sequenceNumber": sequence}]
    return {"name": name, "version": "1.0.0", "state": "enabled", "extensions": extensions, **more}


def published(*handlers: dict[str, Any], source: str = "Fabric") -> dict[str, Any]:
    return event("goal-state", source=source, incarnation="2", etag="4711471147114711", handlers=handlers)


def entry(word: str | None = "success", sequence: int | None = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": HELLO,
        "version": "1.0.0",
        "status": "Ready",
        "code": 0,
        "extension": None,
        "extensionStatus": word,
        "sequenceNumber": sequence,
        **more,
    }


def status(serial: int, *handlers: dict[str, Any]) -> dict[str, Any]:
    return event("status", serial=serial, handlers=list(handlers), goalState=None)


def request(endpoint: str, target: str, code: int | None = 200) -> dict[str, Any]:
    return event(
        "request", endpoint=endpoint, method="GET", target=target, status=code, replySize=605, seconds=0.001
    )


def told(words: FabricWords, what: dict[str, Any]) -> str:
    moment = words.moment(what)
    assert moment is not None
    return moment.what


def test_a_publication_names_what_is_wanted() -> None:
    moment = FabricWords("vm0").moment(published(wanted()))
    assert moment is not None
    assert (moment.at, moment.who, moment.kind) == (1000.5, Who.FABRIC, "published")
    assert moment.what == f"publishes incarnation 2: {HELLO} 1.0.0 settings 0"


def test_a_publication_names_only_what_is_new_in_it() -> None:
    words = FabricWords("vm0")
    told(words, published(wanted()))
    assert told(words, published(wanted(), wanted("Acme.Other"))).endswith(": Acme.Other 1.0.0 settings 0")
    assert told(words, published(wanted(sequence=1), wanted("Acme.Other"))).endswith(
        f"{HELLO} 1.0.0 settings 1"
    )
    assert told(words, published(wanted("Acme.Other"))).endswith(f": {HELLO} no more")
    assert told(words, published(wanted("Acme.Other", state="disabled"))).endswith(
        "1.0.0 disabled settings 0"
    )


def test_a_publication_by_fast_track_is_told_by_the_beginning_of_its_etag() -> None:
    assert told(FabricWords("vm0"), published(wanted(), source="FastTrack")).startswith(
        "publishes etag 47114711… by FastTrack: "
    )


def test_a_status_is_told_with_the_extensions_state() -> None:
    moment = FabricWords("vm0").moment(status(1, entry()))
    assert moment is not None
    assert moment.what == f"accepts status: {HELLO} 1.0.0 Ready, settings 0 success"
    assert moment.tone is Tone.GOOD


def test_of_a_status_only_what_is_new_is_told() -> None:
    words = FabricWords("vm0")
    assert told(words, status(1)) == "accepts status: no handlers yet"
    assert HELLO in told(words, status(2, entry(None, None, status="Installing")))
    assert words.moment(status(3, entry(None, None, status="Installing"))) is None
    failing = entry("error", name="Acme.Fails", status="NotReady", code=1009)
    shown = words.moment(status(4, entry(None, None, status="Installing"), failing))
    assert shown is not None
    assert shown.what == "accepts status: Acme.Fails 1.0.0 NotReady (code 1009), settings 0 error"
    assert shown.tone is Tone.BAD


def test_a_status_that_cannot_be_read_is_bad_news() -> None:
    moment = FabricWords("vm0").moment(event("status", serial=3, problem="not JSON"))
    assert moment is not None
    assert moment.what == "cannot read status report 3: not JSON"
    assert moment.tone is Tone.BAD


@pytest.mark.parametrize(
    ("endpoint", "target", "expected"),
    [
        ("blob-download", "/packages/acme.x/manifest.xml?sp=r", "downloads acme.x/manifest.xml (605 bytes)"),
        ("blob-download", "/packages/acme.x/Acme.X__1.0.zip", "downloads Acme.X__1.0.zip (605 bytes)"),
        ("certificates", "/machine/a/b?comp=certificates", "fetches its certificates, encrypted for this VM (605 bytes)"),
        ("extension-artifact", "/extensionArtifact", "downloads through the host plugin (605 bytes)"),
        ("goal-state", "/machine/?comp=goalstate", None),
        ("status", "/status", None),
        ("vm-settings", "/vmSettings", None),
        ("telemetry", "/machine/?comp=telemetrydata", None),
    ],
)  # fmt: skip
def test_downloads_are_told_and_polls_and_reports_are_not(
    endpoint: str, target: str, expected: str | None
) -> None:
    moment = FabricWords("vm0").moment(request(endpoint, target))
    assert (moment.what if moment else None) == expected


@pytest.mark.parametrize(("code", "ending"), [(503, "and gets 503"), (None, "and gets no answer")])
def test_a_download_that_fails_says_so(code: int | None, ending: str) -> None:
    moment = FabricWords("vm0").moment(request("certificates", "/", code))
    assert moment is not None
    assert moment.what.endswith(ending)
    assert moment.tone is Tone.BAD


def test_other_vms_and_unknown_events_are_not_told() -> None:
    words = FabricWords("vm0")
    assert words.moment({**status(1, entry()), "vm": "vm1"}) is None
    assert words.moment(event("package", vm=None, name=HELLO)) is None
    assert words.moment(event("log", size=1)) is None


def journal(**fields: str) -> dict[str, str]:
    return {"__REALTIME_TIMESTAMP": "1000500000", "PRIORITY": "6", **fields}


def event_entry(name: str, /, priority: str = "6", message: str = "", **fields: str) -> dict[str, str]:
    shown = {f"LIMPET_{key.upper()}": value for key, value in fields.items()}
    return journal(LIMPET_EVENT=name, MESSAGE=message or name, **shown) | {"PRIORITY": priority}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (journal(MESSAGE_ID=FINISHED_STARTING), "has started all its services"),
        (journal(MESSAGE_ID=STARTED, UNIT=UNIT), f"is started ({UNIT})"),
        (journal(MESSAGE_ID=STARTED, UNIT="ssh.service"), None),
        (journal(MESSAGE_ID=ENDED, UNIT=UNIT, EXIT_CODE="exited", EXIT_STATUS="1"), "ends: exited with 1"),
        (journal(MESSAGE_ID=ENDED, UNIT=UNIT, EXIT_CODE="killed", EXIT_STATUS="9"), "ends: killed with 9"),
        (journal(MESSAGE_ID=GIVEN_UP, UNIT=UNIT), "cannot be started; systemd has given up"),
        (journal(MESSAGE="limpet-agent.service: Scheduled restart job", UNIT=UNIT), None),
        (journal(MESSAGE="a line of standard error"), None),
        (
            event_entry("endpoint.found", address="168.63.129.16", origin="a lease"),
            "finds the fabric at 168.63.129.16 (a lease)",
        ),
        (event_entry("goal_state.adopted", id="incarnation_2", handlers="1", on_hold="false"), "sees incarnation 2: 1 handler"),
        (event_entry("goal_state.adopted", id="etag_4711471147", handlers="2", on_hold="true"), "sees etag 47114711…: 2 handlers, on hold"),
        (event_entry("handler.work", handler=HELLO, version="1.0.0", reason="it is new"), f"takes up {HELLO} 1.0.0: it is new"),
        (event_entry("handler.command", handler=HELLO, version="1.0.0", operation="enable"), f"runs enable of {HELLO} 1.0.0"),
        (event_entry("goal_state.processed", id="incarnation_2", status="Success"), "is through with incarnation 2: Success"),
        (event_entry("limits.unavailable", priority="4", problem="no controller"), "cannot set limits for handlers: no controller"),
        (event_entry("certificates.none", format="x"), None),
        (event_entry("status.not_accepted", priority="4", message="status.not_accepted problem=503"), "status.not_accepted problem=503"),
        (event_entry("handler.work", message="handler.work of another version"), "handler.work of another version"),
    ],
)  # fmt: skip
def test_the_journal_is_told_in_words(entry: dict[str, str], expected: str | None) -> None:
    moment = journal_moment(entry, UNIT)
    assert (moment.what if moment else None) == expected


def test_a_warning_is_bad_news_and_kept_short() -> None:
    moment = journal_moment(event_entry("agent.task_failed", priority="3", message="word " * 1000), UNIT)
    assert moment is not None
    assert moment.tone is Tone.BAD
    assert len(moment.what) <= 160


def test_the_time_of_an_entry_is_that_of_its_source_where_it_is_known() -> None:
    moment = journal_moment(
        journal(MESSAGE_ID=FINISHED_STARTING, _SOURCE_REALTIME_TIMESTAMP="1000250000"), UNIT
    )
    assert moment is not None
    assert moment.at == 1000.25


@pytest.mark.parametrize("line", [b"", b"-- no entries --", b"[]", b"{}", b'{"MESSAGE": "cut'])
def test_a_line_that_is_no_entry_is_passed_over(line: bytes) -> None:
    assert journal_entry(line) is None


def test_a_line_of_the_journal_is_read() -> None:
    assert journal_entry(json.dumps(journal(MESSAGE="x")).encode()) == journal(MESSAGE="x")


def test_sizes_are_in_words() -> None:
    assert [size(0), size(9_999), size(10_240)] == ["0 bytes", "9999 bytes", "10 KiB"]
