"""The demo as a user runs it, without a terminal: what it tells, and that nothing of it stays."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import pytest
from tests.system.conftest import say
from tests.system.demos import (
    LONGEST,
    assert_ends_without_trace,
    assert_in_order,
    left,
    started,
)

from limpet.lab import recipes, requirements, rootfs
from limpet.lab.demo.vm_story import PROTECTED

pytestmark = pytest.mark.system

DEMO = "demo-vm"


@pytest.fixture(scope="module", autouse=True)
def root_file_system() -> None:
    """Built before the demo is, whose time is limited."""
    requirements.require()
    rootfs.root_file_system(recipes.PROVISIONED_VM, rootfs.default_cache(), say)


MAYBE = r"( \(\d+ ms\))?"
"""A duration, unless it is too short."""
BOOT = (
    r"^ +\d+ +VM +is switched on$",
    r"^ +\d+ +0 +boot +is started \(limpet-boot\.service\), before the network$",
    r"boot +sees that this VM is new \(id [0-9a-f]{8}…\)$",
)
# Two threads of the boot stage go side by side: what the network brings, and what is done here meanwhile.
NETWORK = (
    r"fabric +hears the host name web-1 by DHCP and has it in its DNS$",
    r"boot +has a lease on eth0: 10\.0\.0\.4$",
    r'fabric +accepts the report "NotReady: Provisioning"$',
    r'fabric +accepts the report "Ready"$',
    r"fabric +hears the SSH host key's fingerprint, [0-9a-f]{8}…$",
    r"boot +has ended; the network and the agent may start$",
)
IDENTITY = (
    rf"boot +makes the user{MAYBE}$",
    rf"boot +lets the user become root{MAYBE}$",
    rf"boot +puts the user's SSH key in place{MAYBE}$",
    rf"boot +sets the host name{MAYBE}$",
    rf"boot +makes SSH host keys{MAYBE}$",
)
DISK = rf"boot +prepares the temporary disk and mounts it{MAYBE}$"
PROVISIONED = (rf"boot +notes that this VM is provisioned{MAYBE}$", NETWORK[3])
FINDINGS = (
    r"^ +user +logs in by `ssh ada@10\.0\.0\.4`, with the key that the VM was given$",
    r"^ +user +asks there: `hostname` says web-1, `sudo id -un` says root$",
)
RECORD = r"^ +fabric +has on record: NotReady: Provisioning, then Ready; in its DNS: web-1 at 10\.0\.0\.4$"


def test_the_demo_tells_its_story_and_leaves_nothing_behind() -> None:
    process = started(DEMO)
    told, complaints = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told + complaints
    assert complaints == ""
    assert "\x1b[" not in told
    assert PROTECTED["password"] not in told
    assert max(map(len, told.splitlines())) <= 110
    hello = r"Limpet\.Sample\.Hello"
    assert_in_order(
        told,
        [
            r"^1  A new VM provisions itself",
            r"Only the DVD in its drive says who it is to be",
            rf"fabric +publishes incarnation 2: {hello} 1\.0\.0 settings 0$",
            *BOOT,
            r"boot +reads who this VM is to be from /dev/sr0$",
            *IDENTITY,
            *PROVISIONED,
            *FINDINGS,
            r"^ +user +finds the temporary disk: /mnt/resource /dev/sdb1 ext4 \S+M$",
            RECORD,
            rf"^2  The agent starts, and enables {hello} 1\.0\.0",
            r"^ +\d+ +0 +agent +is started",
            r"agent +downloads limpet\.sample\.hello/manifest\.xml",
            rf"agent +downloads {hello}__1\.0\.0\.zip",
            rf"agent +runs install of {hello} 1\.0\.0$",
            rf"agent +runs enable of {hello} 1\.0\.0$",
            rf"fabric +accepts status: {hello} 1\.0\.0 Ready, settings 0 success$",
            r'handler +says "protected settings: opened; the password has \d+ characters"$',
            r"^3  New settings, by FastTrack",
            rf"accepts status: {hello} 1\.0\.0 Ready, settings 1 success$",
            r"^4  Update to version 1\.1\.0",
            rf"agent +runs disable of {hello} 1\.0\.0$",
            rf"agent +runs update of {hello} 1\.1\.0$",
            rf"agent +runs uninstall of {hello} 1\.0\.0$",
            rf"accepts status: {hello} 1\.1\.0 Ready, settings 2 success$",
            r"^5  Limpet\.Sample\.Fails",
            r"accepts status: Limpet\.Sample\.Fails 1\.0\.0 NotReady \(code \d+\), settings 0 error$",
            r"The folder /srv/data, from the public setting 'folder', does not exist\.",
            r"^6  The aggregate status",
            r"^web-1 · debian 12 · limpet \S+ · Ready · goal state 4: Success$",
            r"^handler +version +handler status +extension +code +message",
            rf"^{hello} +1\.1\.0 +Ready +success +0 ",
            r"^Limpet\.Sample\.Fails +1\.0\.0 +NotReady +error +53 ",
            r"^unit start → Ready \d+ ms · agent's start → first success \d+ ms · new settings → success \d+ ms",
            r"update → success \d+ ms$",
        ],
    )
    assert_in_order(told, NETWORK)
    assert_in_order(told, [BOOT[2], DISK, PROVISIONED[0]])  # beside what makes the identity
    # Seen and told by another thread of the agent than the one that downloads.
    assert re.search(r"agent +sees incarnation 2: 1 handler$", told, re.MULTILINE)
    assert left(process.pid) == []


def test_the_demo_goes_on_without_a_disc_and_says_so() -> None:
    process = started(DEMO, "--no-disc")
    told, complaints = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told + complaints
    assert_in_order(
        told,
        [
            r"^The VM has neither a DVD nor a temporary disk: instance metadata says who it is to be\.$",
            r"Only the metadata service says who it is to be",
            *BOOT,
            r"boot +hears who this VM is to be from instance metadata$",
            *IDENTITY,
            *PROVISIONED,
            *FINDINGS,
            RECORD,
            r"^2  The agent starts",
        ],
    )
    assert not re.search(DISK, told, re.MULTILINE)
    assert "finds the temporary disk" not in told
    assert left(process.pid) == []


def test_the_demo_tells_its_story_to_programs() -> None:
    process = started(DEMO, "--json")
    told, complaints = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, told + complaints
    assert PROTECTED["password"] not in told
    lines: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    moments = [line for line in lines if line["type"] == "moment"]
    assert {moment["chapter"] for moment in moments} == {1, 2, 3, 4, 5}
    assert {moment["who"] for moment in moments} == {"fabric", "VM", "boot", "agent"}
    assert {moment["who"] for moment in moments if moment["chapter"] == 1} == {"fabric", "VM", "boot"}
    assert [line["who"] for line in lines if line["type"] == "finding"] == ["user", "user", "user", "fabric"]
    table = next(line for line in lines if line["type"] == "table")
    assert [(row["handler"], row["extension"]) for row in table["rows"]] == [
        ("Limpet.Sample.Hello", "success"),
        ("Limpet.Sample.Fails", "error"),
    ]
    assert next(iter(lines[-1]["milliseconds"])) == "unit start → Ready"
    assert len(lines[-1]["milliseconds"]) == 4


@pytest.mark.parametrize(
    ("number", "after"), [(signal.SIGINT, "is switched on"), (signal.SIGTERM, "finds the temporary disk")]
)
def test_an_interrupted_demo_leaves_nothing_behind(number: int, after: str) -> None:
    process = started(DEMO)
    assert process.stdout is not None
    for line in process.stdout:
        if after in line:
            break
    assert_ends_without_trace(process, number)
