"""What handlers must not be able to do: status files of every kind, and files where none should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import SAMPLE, enable, status_file
from tests.scenario.stage import LIBRARY, Stage, stage

from limpet.model.errors import Code

if TYPE_CHECKING:
    from limpet.model.status import ExtensionStatus

KIB, MIB = 1024, 1024 * 1024

MALFORMED = [
    b"", b"{", b"success", b"{}", b"[{}]", b'[{"status": 5}]', b'[{"status": {}}]', b"[5]", b"\xff\xfe\x00", b"[" * 5000,
    b'[{"status": {"status": "success", "code": NaN}}]', b'[{"status": {"status": "success", "code": {}}}]',
    b'[{"status": {"status": "success", "code": 1' + b"0" * 5000 + b"}}]",
    b'[{"status": {"status": "success", "formattedMessage": {"lang": "en"}}}]',
    b'[{"status": {"status": "success", "substatus": 5}}]',
    b'[{"status": {"status": "success", "substatus": [{"status": "fine"}]}}]',
    b'[{"status": {"status": "success"}}] trailing', b"<xml/>", status_file("success")[:-3],
]  # fmt: skip


def having(content: bytes) -> Stage:
    """A stage whose handler has left this status file."""
    play = stage()
    play.host()
    play.parts["enable"] = lambda run: play.files.replace(run.folder / "status" / "0.status", content)
    play.publish(enable())
    play.turn()
    return play


def settled(play: Stage) -> ExtensionStatus:
    """What is reported once the file has stayed as it is for a while."""
    for _ in range(20):
        play.clock.sleep(play.agent.reporter.report())
    settings = play.entry().settings
    assert settings is not None
    return settings.status


@pytest.mark.parametrize("content", MALFORMED, ids=lambda content: content[:60].decode("latin-1"))
def test_a_malformed_status_file_is_an_error_once_it_has_settled_and_stays_one(content: bytes) -> None:
    play = having(content)
    assert play.state() == "transitioning"
    status = settled(play)
    assert status.status is not None
    assert status.status.value == "error"
    assert status.code == Code.STATUS_FILE_INVALID
    assert status.message is not None
    assert status.message.message.startswith("Could not get a valid status from the extension: ")
    assert len(status.message.message) < 12_000
    assert play.entry().status == "Ready"
    seen = set()
    for _ in range(300):
        play.turn()
        seen.add(play.state())
    assert seen == {"error"}


def test_a_status_file_that_is_written_slowly_is_waited_for() -> None:
    play = having(b"[{")
    for _ in range(3):
        play.clock.sleep(5)
        play.files.replace(play.folder().status / "0.status", b"[{ ")
        play.report()
        assert play.state() == "transitioning"
    play.files.replace(play.folder().status / "0.status", status_file("success"))
    play.live(5)
    assert play.state() == "success"


def test_a_status_file_that_is_written_again_and_again_and_never_well_is_an_error_in_the_end() -> None:
    play = having(b"[{")
    for number in range(40):
        play.files.replace(play.folder().status / "0.status", b"[{" + b" " * number)
        play.clock.sleep(play.agent.reporter.report())
        play.clock.sleep(2)
    assert play.state() == "error"


@pytest.mark.parametrize("content", [b"[]", b"null", "\ufeff".encode() + status_file("success")])
def test_what_the_contract_accepts_is_accepted(content: bytes) -> None:
    settled(having(content))


def test_an_unknown_word_is_an_error_with_the_handlers_own_message() -> None:
    play = having(status_file("failed", "could not fetch", 7))
    assert play.state() == "error"
    settings = play.entry().settings
    assert settings is not None
    assert settings.status.code == 7


def test_a_huge_status_file_is_not_read() -> None:
    play = having(b" " * (17 * MIB))
    status = settled(play)
    assert status.code == -1
    assert status.message is not None
    assert "at most" in status.message.message


def test_a_large_status_is_cut_so_that_the_report_stays_small() -> None:
    parts = [
        {
            "name": f"part {n}",
            "status": "success",
            "formattedMessage": {"lang": "en-US", "message": "m" * 20_000},
        }
        for n in range(100)
    ]
    inner = {
        "status": "success",
        "formattedMessage": {"lang": "en-US", "message": "x" * MIB},
        "substatus": parts,
    }
    play = having(json.dumps([{"status": inner}]).encode())
    assert play.state() == "success"
    report = play.core.vm.status
    assert report is not None
    assert len(report.raw) < 256 * KIB


def test_a_status_of_many_beginnings_of_urls_does_not_hold_the_report_up() -> None:
    play = having(status_file("success", "http://a?" * 14_000))
    assert play.state() == "success"


def test_a_status_file_that_is_a_link_is_not_followed() -> None:
    play = having(status_file("success"))
    path = play.folder().status / "0.status"
    play.files.replace(LIBRARY / "secret", status_file("success", "the secret"))
    play.files.remove(path)
    play.files.link(path, LIBRARY / "secret")
    status = settled(play)
    assert status.status is not None
    assert status.status.value == "error"
    assert status.message is not None
    assert "symbolic link" in status.message.message
    assert "the secret" not in status.message.message


def test_a_status_file_that_is_a_folder_is_an_error() -> None:
    play = having(status_file("success"))
    path = play.folder().status / "0.status"
    play.files.remove(path)
    play.files.make_folder(path)
    status = settled(play)
    assert status.message is not None
    assert "a folder" in status.message.message


def test_files_of_other_names_in_the_status_folder_are_left_alone() -> None:
    play = having(status_file("success"))
    names = ["0.status.tmp", "0.complete.status", "1.status", "x", "first.0.status"]
    for name in names:
        play.files.replace(play.folder().status / name, b"whatever")
    play.live(30)
    assert play.state() == "success"
    assert set(names) < set(play.files.names(play.folder().status))


def test_sas_tokens_in_a_status_are_not_reported() -> None:
    play = having(status_file("error", "GET https://x.example/y?sv=1&sig=TOKEN failed"))
    assert play.state() == "error"
    assert all(b"TOKEN" not in report.raw for report in play.core.vm.inbox.statuses.items)
    play.files.replace(play.folder().status / "0.status", b"https://x.example/y?sv=1&sig=TOKEN")
    settled(play)
    assert all(b"TOKEN" not in report.raw for report in play.core.vm.inbox.statuses.items)


def test_a_handler_may_change_its_manifest_between_commands() -> None:
    play = stage()
    play.host()
    play.parts["install"] = lambda run: play.files.replace(run.folder / "HandlerManifest.json", b"broken")
    play.publish(enable())
    play.turn()
    assert play.played == ["Sample-1.0.0 install"]
    assert play.entry().code == Code.HANDLER_MANIFEST_INVALID


def test_a_handler_that_removes_its_own_folder_is_reported_and_installed_again() -> None:
    play = stage()
    play.host()
    play.parts["enable"] = lambda run: play.files.remove(run.folder)
    play.publish(enable())
    play.turn()
    play.parts.clear()
    play.runs.clear()
    play.publish(enable())
    play.turn()
    assert play.entry(SAMPLE).status == "Ready"
