"""The demo as a user runs it, without a terminal: what it tells of the appliance, and that nothing of it stays."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest
from tests.system.conftest import say
from tests.system.demos import (
    LONGEST,
    TO_END,
    assert_ends_without_trace,
    assert_in_order,
    command,
    left,
    started,
    traces,
)

from limpet.lab import recipes, requirements, rootfs
from limpet.lab.clock import wait_for
from limpet.lab.demo.appliance_story import PROTECTED

pytestmark = pytest.mark.system

DEMO = "demo"
MOST_LINES = 70
HELLO = r"Limpet\.Sample\.Hello 1\.0\.0"
TIME = r"^ +\d+\.\d\d  "
ALL = "eth0* eth1 eth2"


@pytest.fixture(scope="module", autouse=True)
def root_file_systems() -> None:
    """Built before the demo is, whose time is limited."""
    requirements.require(appliances=True)
    for recipe in (recipes.APPLIANCE, recipes.GUEST_SHELL):
        rootfs.root_file_system(recipe, rootfs.default_cache(), say)


def row(stage: str, *, linux: str = "", network_os: str = "", guest: bool = False) -> str:
    """A row of the table, with the mark of the fabric lease in `linux` or, with `guest`, in the last column."""
    cells = [re.escape(each) for each in (stage, linux, network_os, "◆ agent" if guest else "") if each]
    return f"{TIME} *" + " +".join(cells) + "$"


def test_the_demo_tells_its_story_and_leaves_nothing_behind() -> None:
    process = started(DEMO)
    told, complaints = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told + complaints
    assert complaints == ""
    assert "\x1b[" not in told
    assert PROTECTED["password"] not in told
    assert max(map(len, told.splitlines())) <= 110
    assert len(told.splitlines()) <= MOST_LINES
    assert_in_order(
        told,
        [
            r"^The same live in a browser: http://127\.0\.0\.1:\d+/$",
            r"^1  A new appliance boots",
            rf"{TIME}user +switches it on$",
            row("booting", linux=f"◆ {ALL}"),
            rf'{TIME}fabric +accepts the report "Ready"$',
            row("preparing", linux=f"◆ {ALL}"),
            r"^2  Handover",
            row("handing over", linux="◆ eth0* eth1→ eth2"),
            row("", linux="◆ eth0* eth2→", network_os="eth1"),
            row("", linux="eth0*→", network_os="eth1 eth2"),
            row("confirming", network_os=ALL, guest=True),
            row("steady", network_os=ALL, guest=True),
            r"^ +status gap: \d+\.\d\d s$",
            r"fabric +counts from Linux's last status .* the extension came \d+\.\d\d s in$",
            r"^3  The guest shell installs what was published during the gap",
            rf"{TIME}fabric +accepts status: {HELLO} Ready, settings 0 success$",
            r'guest shell +"Good morning',
            rf"{TIME}fabric +accepts status: {HELLO} Ready, settings 1 success$",
            r"^4  The network OS is killed",
            rf"{TIME}user +kills FRRouting, all of it: kill -9 of zebra and staticd$",
            row("repairing", network_os=ALL, guest=True),
            row("steady", network_os=ALL, guest=True),
            r"network OS +forwards all the while: \d+ packets through it, 0 lost$",
            rf"{TIME}user +kills the guest shell",
            row("repairing", network_os=ALL, guest=True),
            row("steady", network_os=ALL, guest=True),
            r"guest shell +is back with its state: Limpet\.Sample\.Hello is Ready at settings 2",
            r"^5  A handover that fails half-way is taken back",
            row("handing over", linux="◆ eth0* eth1→ eth2"),
            row("", linux="◆ eth0* eth2→", network_os="eth1"),
            row("rolling back", linux="◆ eth0* eth2", network_os="eth1"),
            row("", linux=f"◆ {ALL}"),
            r"user +sees that Linux answers at 10\.0\.0\.4 again$",
            rf"{TIME}user +takes the obstacle away$",
            row("steady", network_os=ALL, guest=True),
            r"^ +status gap: \d+\.\d\d s$",
            r"^status gap of the handover \d+ ms · new settings → success \d+ ms",
        ],
    )
    # Which comes first of these is chance.
    words = " ".join(told.split())
    assert f"fabric accepts status: {HELLO.replace(chr(92), '')} Ready, settings 2 success" in words
    assert (
        'fabric accepts from Linux: NotReady, "rolled back: Linux has the NICs, a status-only agent reports. '
        "Reason: cannot give eth2 to the network OS"
    ) in words
    assert left(process.pid) == []


def told_to_programs() -> tuple[list[dict[str, Any]], int]:
    process = started(DEMO, "--json")
    told, complaints = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told + complaints
    assert PROTECTED["password"] not in told
    return [json.loads(line) for line in told.splitlines()], process.pid


def test_the_demo_tells_its_story_to_programs() -> None:
    lines, pid = told_to_programs()
    moments = [line for line in lines if line["type"] == "moment"]
    assert {moment["chapter"] for moment in moments} == {1, 2, 3, 4, 5}
    statuses = [each for each in moments if each["kind"] == "status"]
    first, second = (line for line in lines if line["type"] == "gap")
    for gap in (first, second):
        # The figure is the fabric's: nothing was accepted in between, and both ends were.
        at = [each["at"] for each in statuses]
        assert {gap["last"], gap["first"]} <= set(at)
        assert [each for each in at if gap["last"] < each < gap["first"]] == []
        assert gap["seconds"] == pytest.approx(gap["first"] - gap["last"])
    senders = {each["at"]: each["facts"]["sender"] for each in statuses}
    assert (senders[first["last"]], senders[first["first"]]) == ("Linux", "the guest shell")
    published = next(each for each in moments if each["kind"] == "published")
    assert first["last"] < published["at"] < first["first"]
    holders = [each["facts"]["holder"] for each in moments if each["kind"] == "owners"]
    assert set(holders) == {"boot", "status-only", "nobody", "guest-shell"}
    assert len(lines[-1]["milliseconds"]) == 5
    assert left(pid) == []


def test_the_page_shows_the_appliance_while_the_demo_runs_and_goes_with_it() -> None:
    process = started(DEMO)
    assert process.stdout is not None
    page = ""
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            page = found.group()
        if "status gap" in line:
            break
    with httpx.Client(base_url=page, timeout=120, trust_env=False) as browser:
        assert "<title>" in browser.get("/").text

        def shows_it() -> bool:
            known = browser.get("/v1/vms/appliance").json()["appliance"]["document"]
            owners = {nic["owner"] for nic in known["nics"]}
            return (known["fabricLease"]["holder"], owners) == ("guest-shell", {"network OS"})

        wait_for(shows_it, "the page to show the guest shell with the lease", timeout=60)
    next(line for line in process.stdout if "kills FRRouting" in line)
    assert_ends_without_trace(process, signal.SIGTERM)


@pytest.mark.parametrize(
    ("number", "after"),
    [(signal.SIGINT, "setting up"), (signal.SIGINT, "handing over"), (signal.SIGHUP, "cuts the power")],
)  # fmt: skip
def test_an_interrupted_demo_leaves_nothing_behind(number: int, after: str) -> None:
    process = started(DEMO)
    assert process.stdout is not None
    if after == "setting up":
        while not traces(process.pid):
            select.select([process.stdout], [], [], 0.1)
    else:
        next(line for line in process.stdout if after in line)
    assert_ends_without_trace(process, number)


@pytest.mark.parametrize("demo", [DEMO, "demo-vm"])
def test_without_root_the_demo_says_what_it_needs(demo: str) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run(
        [*nobody, sys.executable, "-c", "import limpet"], check=False, capture_output=True
    ).returncode:
        pytest.skip("only root can read this source tree")
    process = subprocess.run(
        [*nobody, *command(demo)], capture_output=True, text=True, timeout=TO_END, check=False
    )
    assert process.returncode == 3
    assert process.stderr.startswith("The demo cannot run here:\n  - not root:")
    assert process.stdout == ""


@pytest.mark.parametrize("network_os", ["frr", "kernel"])
def test_an_appliance_to_look_around_in_stays_until_enter(network_os: str) -> None:
    process = subprocess.Popen(
        command("appliance", "--network-os", network_os, "--runtime", "nspawn", "--nics", "2"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    inside = next(
        found[1] for line in process.stdout if (found := re.search(r"nsenter --target (\d+)", line))
    )
    next(line for line in process.stdout if "Press Enter to end." in line)
    subprocess.run(
        ["nsenter", f"--target={inside}", "--all", "systemctl", "reboot"], check=True, timeout=TO_END
    )
    for stage in ("booting", "steady"):
        next(line for line in process.stdout if f" {stage} " in line)
    assert process.poll() is None
    _, complaints = process.communicate("\n", timeout=TO_END)
    assert process.returncode == 0, complaints
    assert complaints == ""
    assert left(process.pid) == []
