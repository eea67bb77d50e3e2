"""What people read while the fabric runs."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from limpet.emulator.events import Event
from limpet.emulator.narration import line
from limpet.emulator.text import plain, print_table, size

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST = {
    "method": "GET",
    "endpoint": "goal-state",
    "status": 200,
    "seconds": 0.0012,
    "replySize": 1843,
    "service": "wire-server",
    "target": "/machine/?comp=goalstate",
    "fault": None,
    "remarks": [],
}
HEAD = "12:00:00.250  vm1          "


def told(kind: str, data: Mapping[str, Any], vm: str | None = "vm1") -> str:
    return line(Event(id=1, at=12 * 3600 + 0.25, kind=kind, vm=vm, data=dict(data)))


TOLD = {
    "an appliance": (
        "appliance",
        {"stage": "steady", "happened": ["eth0: linux → network OS"], "document": {}},
        "appliance steady; eth0: linux → network OS",
    ),
    "a request": ("request", REQUEST, "GET  goal-state                 200     1.2 ms   1.8 KiB"),
    "a request without answer": (
        "request",
        {**REQUEST, "status": None, "replySize": 0, "fault": "refused"},
        "GET  goal-state                 ---     1.2 ms       0 B  fault: refused",
    ),
    "a download": (
        "request",
        {**REQUEST, "endpoint": "blob-download", "target": "/packages/a.zip?sig=abc"},
        "GET  blob-download              200     1.2 ms   1.8 KiB  /packages/a.zip",
    ),
    "a remark": (
        "request",
        {**REQUEST, "remarks": ["x-ms-version is missing"]},
        "GET  goal-state                 200     1.2 ms   1.8 KiB  note: x-ms-version is missing",
    ),
    "a status that cannot be read": (
        "status",
        {
            "serial": 2,
            "channel": "direct",
            "blobType": "PageBlob",
            "size": 512,
            "problem": "status: not JSON",
        },
        "status 2 by direct, PageBlob, 512 B: cannot be read: status: not JSON",
    ),
    "a health report": (
        "health",
        {"state": "NotReady", "subStatus": "Provisioning", "description": "Starting"},
        "health NotReady/Provisioning: Starting",
    ),
    "a health report with its sender": (
        "health",
        {"state": "Ready", "subStatus": None, "description": "", "agent": "Agent/1", "form": "json"},
        "health Ready  by Agent/1, json",
    ),
    "a DHCP request": (
        "request",
        {
            **REQUEST,
            "service": "dhcp",
            "method": "DISCOVER",
            "endpoint": "dhcp-discover",
            "status": 2,
            "target": "/00:0d:3a:00:00:04",
        },
        "DISCOVER dhcp-discover              offer     1.2 ms   1.8 KiB  /00:0d:3a:00:00:04",
    ),
    "a host name": ("host-name", {"hostName": "box"}, "host name box is in the platform's DNS"),
    "role properties": ("role-properties", {"Thumb": "AB"}, "role properties: Thumb AB"),
    "anything else": ("vm", {"address": "10.0.0.4"}, "vm address 10.0.0.4"),
}


@pytest.mark.parametrize(("kind", "data", "words"), TOLD.values(), ids=TOLD)
def test_an_event_is_one_line(kind: str, data: Mapping[str, Any], words: str) -> None:
    assert told(kind, data) == HEAD + words


def test_a_status_tells_each_handler_and_its_settings() -> None:
    handler = {"name": "A.B", "version": "1.0", "status": "Ready", "code": 0}
    handlers = [
        {**handler, "extension": None, "extensionStatus": "success", "sequenceNumber": 4},
        {**handler, "name": "C.D", "extension": "one", "extensionStatus": None, "sequenceNumber": 0},
    ]
    words = told(
        "status",
        {"serial": 1, "channel": "host-plugin", "blobType": "BlockBlob", "size": 2048, "handlers": handlers},
    )
    assert (
        words
        == f"{HEAD}status 1 by host-plugin, BlockBlob, 2.0 KiB: A.B 1.0 Ready #4 success, C.D 1.0 Ready one"
    )


def test_a_vm_cannot_drive_the_terminal_or_show_a_token() -> None:
    words = told(
        "health",
        {
            "state": "Ready",
            "subStatus": None,
            "description": "\x1b[2Jgone\r\nfaked \ud800 https://s/b?sv=1&sig=abc",
        },
    )
    assert words.isprintable()
    assert "abc" not in words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 * 1024**2, "5.0 MiB")],
)
def test_sizes_are_for_people(count: int, words: str) -> None:
    assert size(count) == words


def test_a_table_in_a_pipe_keeps_long_lines_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "message"), [("a", "x" * 300), (None, "[bold]not markup[/bold]\x1b[31m")])
    assert capsys.readouterr().out.splitlines() == [
        "name  message",
        "a     " + "x" * 300,
        "-     [bold]not markup[/bold] [31m",
    ]


def test_a_table_on_a_terminal_has_colours() -> None:
    program = (
        "from limpet.emulator.text import print_table; print_table(('status',), [('error',), ('other',)])"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [sys.executable, "-c", program],
        stdin=follower,
        stdout=follower,
        check=True,
        timeout=120,
        env=environment,
    )
    os.close(follower)
    shown = b""
    with suppress(OSError):  # at the end; until then it comes in as many parts as the kernel likes
        while piece := os.read(leader, 4096):
            shown += piece
    os.close(leader)
    assert b"\x1b[31merror" in shown
    assert b"\x1b[31mother" not in shown


def test_plain_text_is_left_alone() -> None:
    assert plain("Grüße, 12 %") == "Grüße, 12 %"
