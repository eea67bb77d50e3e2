"""Status: which way it goes, when, and that none is lost. Source: wire-protocol.md §6, extensions.md §6."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import SAMPLE, enable, status_file, uninstall
from tests.scenario.stage import stage

from limpet.emulator.world.goalstates import StatusBlob, hibernate
from limpet.model.extensions import BlobType

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation


def test_status_goes_by_the_host_plugin() -> None:
    play = stage()
    play.enabled()
    report = play.core.vm.status
    assert report is not None
    assert (report.channel, report.kind) == ("host-plugin", BlobType.BLOCK)
    assert play.core.count("blob-upload") == 0


@pytest.mark.parametrize("fault", [{"refused": True}, {"status": 500}, {"status": 503}, {"garbage": True}, {"endless": True}], ids=str)  # fmt: skip
def test_status_goes_directly_where_the_host_plugin_fails(fault: dict[str, int | bool]) -> None:
    play = stage()
    play.core.fail("status", **fault)
    play.enabled()
    report = play.core.vm.status
    assert report is not None
    assert report.channel == "direct"


@pytest.mark.parametrize("channel", ["host-plugin", "direct"])
def test_a_page_blob_is_created_and_written(channel: str) -> None:
    play = stage()
    if channel == "direct":
        play.core.fail("status", refused=True)
    play.host()
    play.publish(enable(), status_blob=StatusBlob.PAGE)
    play.turn()
    report = play.core.vm.status
    assert report is not None
    assert (report.channel, report.kind) == (channel, BlobType.PAGE)
    assert play.state() == "success"


def test_a_page_blob_whose_writing_failed_is_written_again_though_nothing_changed() -> None:
    play = stage()
    play.host()
    play.publish(enable(), status_blob=StatusBlob.PAGE)
    play.turn()
    before = play.reports
    # The handler says something and takes it back, and in between a report gets as far as creating the blob.
    path = play.folder().status / "0.status"
    good = play.files.read(path, at_most=10_000)
    play.files.replace(path, status_file("warning"))
    puts = iter(range(2))

    def second_fails(body: bytes) -> bytes:
        if next(puts, None) == 0:
            play.core.fail("status", status=500)
            play.core.fail("blob-upload", status=500)
        return body

    play.core.alter("status", second_fails)
    play.agent.reporter.report()
    play.core.heal()
    play.files.replace(path, good)
    play.live(10)
    assert play.reports > before
    assert play.state() == "success"


@pytest.mark.parametrize(("status", "body"), [(410, ""), (400, "InvalidContainerConfiguration")])
def test_a_stale_identity_drops_the_report_and_sends_it_again_at_once(status: int, body: str) -> None:
    play = stage()
    play.core.fail("status", status=status, body=body, count=1)
    play.enabled()
    report = play.core.vm.status
    assert report is not None
    assert report.channel == "host-plugin"


def test_a_moved_vm_reports_under_its_new_container_without_going_directly() -> None:
    play = stage()
    play.enabled()
    play.core.become(hibernate(play.core.vm, play.core.vm.certificates[0]))
    play.files.replace(play.folder().status / "0.status", status_file("error", "later"))
    play.live(5)
    assert play.state() == "error"
    assert play.core.count("blob-upload") == 0


def test_a_report_that_nobody_takes_is_sent_when_somebody_does() -> None:
    play = stage()
    play.core.fail("status", refused=True)
    play.core.fail("blob-upload", status=403)
    play.host()
    play.publish(enable())
    play.live(120)
    assert play.core.vm.status is None
    play.core.heal()
    play.live(10)
    assert play.state() == "success"


def test_storage_must_say_created() -> None:
    play = stage()
    play.core.fail("status", refused=True)
    play.core.fail("blob-upload", status=200, count=1)
    play.enabled()
    assert any("instead of 201" in fields["problem"] for fields in play.log.of("status.not_accepted"))


def test_nothing_is_reported_twice_without_need_but_for_the_heartbeat() -> None:
    play = stage(status_heartbeat=60.0)
    play.enabled()
    before = play.reports
    play.live(600)
    assert 9 <= play.reports - before <= 11


def test_a_changed_status_file_is_reported_within_seconds() -> None:
    play = stage()
    play.enabled()
    play.live(100)
    play.files.replace(play.folder().status / "0.status", status_file("error", "the disk is full", 7))
    changed = play.clock.monotonic()
    while play.state() != "error":
        play.clock.sleep(play.agent.reporter.report())
        assert play.clock.monotonic() - changed < 3


def test_status_flows_while_a_handler_runs() -> None:
    play = stage()
    play.host()
    seen: list[str] = []

    def slowly(run: Invocation) -> None:
        for word in ("transitioning", "warning", "success"):
            play.say(run, word)
            for _ in range(4):
                play.clock.sleep(play.agent.reporter.report())
            seen.append(play.state())

    play.parts["enable"] = slowly
    play.publish(enable())
    play.turn()
    assert seen == ["transitioning", "warning", "success"]


def test_while_a_goal_state_is_processed_reports_are_never_far_apart() -> None:
    play = stage()
    play.host()
    times: list[float] = []

    def slowly(_: Invocation) -> None:
        for _number in range(100):
            before = play.reports
            play.clock.sleep(play.agent.reporter.report())
            if play.reports > before:
                times.append(play.clock.monotonic())

    play.parts["install"] = slowly
    play.publish(enable())
    play.turn()
    assert len(times) > 5
    assert max(after - before for before, after in pairwise(times)) <= 8


def test_a_handler_is_reported_as_installing_before_it_is_installed() -> None:
    play = stage()
    play.host()
    seen: list[str] = []

    def look(_: Invocation) -> None:
        play.report()
        seen.append(play.entry().status)

    play.parts["install"] = look
    play.parts["enable"] = lambda run: (look(run), play.say(run, "success"))[1]  # type: ignore[func-returns-value]
    play.publish(enable())
    play.turn()
    assert seen == ["Installing", "NotReady"]
    assert play.entry().status == "Ready"


def test_a_handler_is_in_every_report_while_it_is_updated() -> None:
    play = stage()
    play.enabled()
    play.host(version="2.0.0")
    seen: list[str] = []

    def look(body: bytes) -> bytes:
        for _ in range(4):
            play.clock.sleep(play.agent.reporter.report())
        seen.append(play.entry().version)
        return body

    play.core.alter("blob-download", look)
    play.publish(enable(version="2.0.0"))
    play.turn()
    assert seen == ["1.0.0", "1.0.0"]  # while manifest and package are downloaded
    assert (play.entry().version, play.entry().status) == ("2.0.0", "Ready")
    play.publish(uninstall())
    play.turn()
    assert play.entries() == []


def test_a_goal_state_without_a_status_blob_is_processed_and_reported_with_the_next_one() -> None:
    play = stage()
    play.host()
    play.publish(enable(), status_blob=StatusBlob.ABSENT)
    play.live(30)
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert play.core.vm.status is None
    play.publish(status_blob=StatusBlob.BLOCK)
    play.live(10)
    assert play.state() == "success"


def test_the_status_document_is_padded_as_its_channel_wants_it() -> None:
    play = stage()
    play.host()
    play.publish(enable(SAMPLE), status_blob=StatusBlob.PAGE)
    play.turn()
    blob = next(blob for path, blob in play.core.world.blobs.blobs.items() if path.endswith(".status"))
    assert len(blob.content) % 512 == 0
    assert blob.content.rstrip(b" ").endswith(b"}")
