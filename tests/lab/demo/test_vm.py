from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab import main as lab
from limpet.lab.commands import LabError
from limpet.lab.demo import vm as demo_vm
from limpet.lab.demo.life import LACKING
from limpet.lab.demo.run import Awaited, Happening, NotReached, Run
from limpet.lab.demo.stage import can_have_drives
from limpet.lab.demo.status import both, parts, reported, rows, said, summary
from limpet.lab.demo.vm_story import CHAPTERS, HANDLERS, PROTECTED
from limpet.lab.requirements import Lack
from limpet.lab.timeline.boot import FAILED
from limpet.lab.timeline.journal import GIVEN_UP
from limpet.lab.timeline.show import JsonLines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

AWAITED = Awaited(handler="Acme.X", version="1.0.0", sequence=1, state="success")
ENTRY: dict[str, Any] = {
    "name": "Acme.X",
    "version": "1.0.0",
    "status": "Ready",
    "code": 0,
    "extension": None,
    "extensionStatus": "success",
    "sequenceNumber": 1,
}


def report(serial: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "serial": serial,
        "handlers": [{**ENTRY, "name": "Acme.Y"}, {**ENTRY, **changed}],
        "goalState": None,
    }


def test_what_is_awaited_is_found_in_a_report() -> None:
    assert AWAITED.in_report(report())


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Acme.Z"},
        {"version": "1.1.0"},
        {"sequenceNumber": 0},
        {"extensionStatus": "transitioning"},
        {"extensionStatus": None},
        {"status": "NotReady"},
    ],
)
def test_a_report_that_differs_in_anything_is_not_what_is_awaited(changed: dict[str, Any]) -> None:
    assert not AWAITED.in_report(report(**changed))


def test_a_report_that_cannot_be_read_is_not_what_is_awaited() -> None:
    assert not AWAITED.in_report({"serial": 1, "problem": "not JSON"})


def run() -> tuple[Run, io.StringIO]:
    stream = io.StringIO()
    return Run(JsonLines(stream), vm="vm0", unit="limpet-agent.service", hold=0.0), stream


def event(kind: str, at: float, **data: Any) -> dict[str, Any]:
    return {"id": 1, "at": at, "kind": kind, "vm": "vm0", "data": data}


def test_a_run_gives_the_time_from_its_chapters_zero_to_what_is_awaited() -> None:
    story, stream = run()
    story.count_from("published")
    story.take_event(event("goal-state", 10.0, source="Fabric", incarnation="2", etag="1", handlers=[]))
    story.take_event(event("status", 10.5, **report(1, extensionStatus="transitioning")))
    story.take_event(event("status", 10.75, **report(2)))
    assert story.until(AWAITED, limit=10.0) == 750
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(each["kind"], each["ms"], each["since"]) for each in told] == [
        ("published", 0, 0),
        ("status", 500, 500),
        ("status", 750, 750),
    ]


def test_a_run_counts_anew_from_every_publication_when_asked() -> None:
    story, stream = run()
    story.count_from("published", again=True)
    for at in (10.0, 20.0):
        story.take_event(event("goal-state", at, source="Fabric", incarnation="2", etag="1", handlers=[]))
    story.take_event(event("status", 20.25, **report()))
    story.until(AWAITED, limit=10.0)
    assert [json.loads(line)["since"] for line in stream.getvalue().splitlines()] == [0, 0, 250]


def test_a_run_says_what_it_waited_for_in_vain_after_telling_all_it_knows() -> None:
    stream = io.StringIO()
    story = Run(JsonLines(stream), vm="vm0", unit="limpet-agent.service", hold=60.0)
    story.take_event(event("status", 10.0, **report(1, extensionStatus="error")))
    with pytest.raises(NotReached, match=r"Acme\.X 1\.0\.0 Ready, settings 1 success"):
        story.until(AWAITED, limit=0.2)
    assert "settings 1 error" in stream.getvalue()


def test_a_run_ends_when_the_agent_cannot_be_started() -> None:
    story, stream = run()
    lost = {"__REALTIME_TIMESTAMP": "10000000", "MESSAGE_ID": GIVEN_UP, "UNIT": "limpet-agent.service"}
    story.take_entry(lost)
    with pytest.raises(NotReached, match="cannot be started"):
        story.until(AWAITED, limit=30.0)
    assert "systemd has given up" in stream.getvalue()


def test_a_run_ends_when_the_vm_is_not_provisioned() -> None:
    story, stream = run()
    story.take_event(
        event("health", 10.0, state="NotReady", subStatus="ProvisioningFailed", description="no user")
    )
    with pytest.raises(NotReached, match="was not provisioned, so there is no hope for the report"):
        story.until(Happening(kind="provisioned", what="the report"), limit=30.0)
    assert json.loads(stream.getvalue())["kind"] == FAILED


def test_what_comes_after_a_goal_belongs_to_the_next_chapter() -> None:
    story, stream = run()
    story.count_from("published")
    story.take_event(event("goal-state", 10.0, source="Fabric", incarnation="2", etag="1", handlers=[]))
    story.take_event(event("health", 10.25, state="Ready", subStatus=None))
    story.take_event(event("status", 10.5, **report()))
    assert story.until(Happening(kind="provisioned", what="the report"), limit=10.0) == 250
    assert [json.loads(line)["ms"] for line in stream.getvalue().splitlines()] == [0, 250]
    story.count_from("status")
    assert story.until(AWAITED, limit=10.0) == 0
    assert [json.loads(line)["ms"] for line in stream.getvalue().splitlines()] == [0, 250, 500]


@contextmanager
def attached(image: Path) -> Iterator[Path]:
    assert image.is_file()
    yield image


def refused(_image: Path) -> AbstractContextManager[Path]:
    raise LabError("losetup: permission denied")


def test_a_machine_with_loop_devices_gives_the_vm_its_drives(tmp_path: Path) -> None:
    said: list[str] = []
    assert can_have_drives(tmp_path, said.append, attached)
    assert (said, list(tmp_path.iterdir())) == ([], [])


def test_a_machine_without_loop_devices_says_so_and_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    assert not can_have_drives(tmp_path, said.append, refused)
    assert said == ["There are no loop devices here (losetup: permission denied)."]
    assert list(tmp_path.iterdir()) == []


def entry(**changed: Any) -> dict[str, Any]:
    message = {"message": "It\n\n\nworked", "lang": "en-US"}
    own = {
        "status": "success",
        "code": 3,
        "message": message,
        "substatus": [{"name": "part", "status": "success", "code": 0, "message": {"message": "too"}}],
    }
    settings = {"name": "Acme.X", "sequenceNumber": 1, "status": own, "extensionName": None}
    handler = {"message": "Plugin enabled", "lang": "en-US"}
    return {**ENTRY, "message": handler, "settings": settings, **changed}


STATUS: dict[str, Any] = {
    "status": "Ready",
    "guest": {"computerName": "vm0", "osName": "debian", "osVersion": "12", "agentVersion": "1.2"},
    "goalState": {"status": "Success", "code": 0, "svdSequenceNumber": "4"},
    "handlers": [entry(), entry(name="Acme.Bare", settings=None)],
}


def test_an_extensions_message_goes_before_its_handlers() -> None:
    assert said(entry()) == "It\nworked"
    assert said(entry(settings=None)) == "Plugin enabled"
    assert said(entry(settings=None, message=None)) == ""


def test_parts_are_told_with_their_names() -> None:
    assert list(parts(entry())) == ["part: too"]
    assert list(parts(entry(settings=None))) == []


def test_a_failure_is_quoted_as_handler_and_extension_say_it() -> None:
    assert both(entry(status="NotReady", code=1009)).splitlines() == [
        "handler: NotReady, code 1009",
        "Plugin enabled",
        "",
        "extension: success, code 3",
        "It",
        "worked",
    ]


def test_the_status_has_a_row_for_each_entry() -> None:
    assert list(rows(STATUS)) == [
        ("Acme.X", "1.0.0", "Ready", "success", "3", "It\nworked"),
        ("Acme.Bare", "1.0.0", "Ready", "-", "0", "Plugin enabled"),
    ]
    assert reported(STATUS, "Acme.Bare")["settings"] is None


def test_the_status_is_summed_up_with_and_without_a_goal_state() -> None:
    assert summary(STATUS) == "vm0 · debian 12 · limpet 1.2 · Ready · goal state 4: Success"
    assert summary({**STATUS, "goalState": None}) == "vm0 · debian 12 · limpet 1.2 · Ready"


def test_the_story_uses_only_handlers_that_the_fabric_hosts() -> None:
    hosted = {tuple(name.rsplit("-", 1)) for name in HANDLERS}
    assert {(chapter.awaited.handler, chapter.awaited.version) for chapter in CHAPTERS} == hosted


def test_no_chapter_tells_the_protected_settings() -> None:
    for chapter in CHAPTERS:
        assert PROTECTED["password"] not in f"{chapter.title} {chapter.about} {chapter.awaited}"


def test_a_machine_that_lacks_something_is_told_what(capsys: pytest.CaptureFixture[str]) -> None:
    lack = Lack(what="no command `ip`", remedy="apt-get install iproute2")
    assert demo_vm.main([], lacks=lambda: [lack]) == LACKING
    told = capsys.readouterr()
    assert told.err == "The demo cannot run here:\n  - no command `ip`: apt-get install iproute2\n"
    assert told.out == ""


@pytest.mark.parametrize("argv", [["--help"], ["demo-vm", "--help"]])
def test_help_has_an_example(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lab.main(argv)
    assert ended.value.code == 0
    assert "example:\n  sudo limpet lab demo" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["dmeo"], ["demo-vm", "--colour"]])
def test_wrong_usage_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lab.main(argv)
    assert ended.value.code == 2
    assert "usage: limpet lab" in capsys.readouterr().err
