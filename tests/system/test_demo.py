"""The demo as a user runs it, without a terminal: what it tells, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.lab import cgroups
from limpet.lab.demo_story import PROTECTED
from limpet.lab.workspace import BASE, NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DEMO = (sys.executable, "-m", "limpet", "lab", "demo")


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "FORCE_COLOR": "1"}
    return subprocess.Popen(
        [*DEMO, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def traces(pid: int) -> list[str]:
    """What this machine still has of the demo that ran as process `pid`."""
    name = f"limpet-{pid}-"
    folders = [BASE, NETWORKS, cgroups.unified_hierarchy()]
    found = [str(entry) for folder in folders for entry in folder.iterdir() if entry.name.startswith(name)]
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    found += [line for line in mounts.splitlines() if name in line]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue  # it has just ended
        if name.encode() in command:
            found.append(f"{process}: {command!r}")
    return found


def assert_in_order(text: str, patterns: Sequence[str]) -> None:
    at = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, at)
        assert match, f"{pattern!r} is not in what follows:\n{text[at:]}"
        at = match.end()


def test_the_demo_tells_its_story_and_leaves_nothing_behind(root_file_system: Path) -> None:
    process = start()
    told, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, told + complaints
    assert complaints == ""
    assert "\x1b[" not in told
    assert PROTECTED["password"] not in told
    assert max(map(len, told.splitlines())) <= 110
    hello = r"Limpet\.Sample\.Hello"
    assert_in_order(
        told,
        [
            rf"^1  Enable {hello} 1\.0\.0",
            rf"fabric +publishes incarnation 2: {hello} 1\.0\.0 settings 0$",
            r"^ +\d+ +VM +is switched on$",
            r"^ +\d+ +0 +agent +is started",
            r"agent +downloads limpet\.sample\.hello/manifest\.xml",
            rf"agent +downloads {hello}__1\.0\.0\.zip",
            rf"agent +runs install of {hello} 1\.0\.0$",
            rf"agent +runs enable of {hello} 1\.0\.0$",
            rf"fabric +accepts status: {hello} 1\.0\.0 Ready, settings 0 success$",
            r'handler +says "protected settings: opened; the password has \d+ characters"$',
            r"^2  New settings, by FastTrack",
            rf"accepts status: {hello} 1\.0\.0 Ready, settings 1 success$",
            r"^3  Update to version 1\.1\.0",
            rf"agent +runs disable of {hello} 1\.0\.0$",
            rf"agent +runs update of {hello} 1\.1\.0$",
            rf"agent +runs uninstall of {hello} 1\.0\.0$",
            rf"accepts status: {hello} 1\.1\.0 Ready, settings 2 success$",
            r"^4  Limpet\.Sample\.Fails",
            r"accepts status: Limpet\.Sample\.Fails 1\.0\.0 NotReady \(code \d+\), settings 0 error$",
            r"The folder /srv/data, from the public setting 'folder', does not exist\.",
            r"^5  The aggregate status",
            r"^handler +version +handler status +extension +code +message",
            rf"^{hello} +1\.1\.0 +Ready +success +0 ",
            r"^Limpet\.Sample\.Fails +1\.0\.0 +NotReady +error +53 ",
            r"^agent's start → first success \d+ ms · new settings → success \d+ ms · update → success \d+ ms$",
        ],
    )
    # Seen and told by another thread of the agent than the one that downloads.
    assert re.search(r"agent +sees incarnation 2: 1 handler$", told, re.MULTILINE)
    assert traces(process.pid) == []


def test_the_demo_tells_its_story_to_programs(root_file_system: Path) -> None:
    process = start("--json")
    told, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, told + complaints
    assert PROTECTED["password"] not in told
    lines: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    moments = [line for line in lines if line["type"] == "moment"]
    assert {moment["chapter"] for moment in moments} == {1, 2, 3, 4}
    assert {moment["who"] for moment in moments} == {"fabric", "VM", "agent"}
    table = next(line for line in lines if line["type"] == "table")
    assert [(row["handler"], row["extension"]) for row in table["rows"]] == [
        ("Limpet.Sample.Hello", "success"),
        ("Limpet.Sample.Fails", "error"),
    ]
    assert len(lines[-1]["milliseconds"]) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(root_file_system: Path, number: int) -> None:
    process = start()
    assert process.stdout is not None
    for line in process.stdout:
        if "is switched on" in line:
            break
    assert traces(process.pid)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert complaints == ""
    assert traces(process.pid) == []


def test_without_root_the_demo_says_what_it_needs() -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run(
        [*nobody, sys.executable, "-c", "import limpet"], check=False, capture_output=True
    ).returncode:
        pytest.skip("only root can read this source tree")
    process = subprocess.run([*nobody, *DEMO], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 3
    assert process.stderr.startswith("The demo cannot run here:\n  - not root:")
    assert process.stdout == ""
