"""Volumes on real loop devices: the folder that is shared is bounded and keeps what it had; a volume grows while it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.test_guest_shell import Shell, booted, give_loops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.appliance.room import Appliance, Parts

pytestmark = pytest.mark.system

SHARE = "/bootflash/guest-share"
MIB = 1024 * 1024


@pytest.fixture
def made(appliance_parts: Parts) -> Iterator[Appliance]:
    with booted(appliance_parts, loops=True) as machine:
        yield machine


def size(made: Appliance, folder: str) -> int:
    """MiB of the file system that a folder is in."""
    return int(
        made.sh(f"stat --file-system --format='%b %S' {folder} | awk '{{print int($1 * $2 / {MIB})}}'")
    )


def test_the_shared_folder_is_bounded_with_all_that_was_in_it(made: Appliance) -> None:
    shell = Shell(made, "lxc", "guest_shell.disk=96", "guest_shell.share=24")
    made.sh(
        f"mkdir -p -m 0770 {SHARE}/logs; echo key > {SHARE}/licence; chmod 0640 {SHARE}/licence; chown 7:8 {SHARE}/licence"
    )
    made.sh(f"echo line > {SHARE}/logs/one; ln -s licence {SHARE}/link; chmod 0775 {SHARE}")
    shell.do("enable")
    assert shell.settle() == "running"
    kept = shell.inside(
        f"cat {SHARE}/link {SHARE}/logs/one; stat -c '%a %u %g' {SHARE}/licence; stat -c %a {SHARE} {SHARE}/logs"
    )
    assert kept.checked() == "key\nline\n640 7 8\n775\n770\n"
    assert made.sh(f"ls {SHARE}") == "licence\nlink\nlogs\n"
    assert size(made, SHARE) < 24
    free = size(made, "/bootflash")
    full = shell.inside(f"head -c 40M /dev/zero > {SHARE}/filled")
    assert "No space left on device" in full.stderr
    assert size(made, "/bootflash") == free
    made.sh(f"rm {SHARE}/filled")
    assert shell.status()["storage"]["problem"] is None

    # A start of the machine: it is bounded again, with what the host has written before that.
    made.power_cut(lose_unsynced=False)
    made.boot()
    give_loops(made)
    made.sh(f"test ! -e {SHARE}/licence; echo newer > {SHARE}/licence; echo day0 > {SHARE}/day0")
    shell.do("enable")
    assert shell.settle() == "running"
    assert shell.inside(f"cd {SHARE}; cat licence day0 logs/one").checked() == "newer\nday0\nline\n"
    shell.do("destroy", "--all")
    assert made.sh(f"cat {SHARE}/licence") == "newer\n"


def test_what_does_not_fit_stays_where_it_is_and_that_is_told(made: Appliance) -> None:
    shell = Shell(made, "nspawn", "guest_shell.disk=96", "guest_shell.share=8")
    made.sh(f"mkdir -p {SHARE}; head -c 20M /dev/urandom > {SHARE}/large; echo small > {SHARE}/small")
    shell.do("enable")
    assert shell.settle() == "running"
    assert shell.inside(f"stat -c %s {SHARE}/large; cat {SHARE}/small").checked() == f"{20 * MIB}\nsmall\n"
    assert "has no bound" in shell.status()["storage"]["problem"]
    shell.do("disable")
    made.sh(f"rm {SHARE}/large")
    shell.do("enable")
    assert shell.inside(f"ls {SHARE}").checked() == "small\n"
    assert shell.status()["storage"]["problem"] is None


def may_grow_what_is_mounted() -> bool:
    """Whether this process may use the reserved resources of a kernel (CAP_SYS_RESOURCE, bit 24)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return any(line.startswith("CapEff:") and int(line.split()[1], 16) >> 24 & 1 for line in lines)


@pytest.mark.parametrize("mounted", [False, True])
def test_a_volume_grows_with_what_is_in_it_and_is_never_made_smaller(
    made: Appliance, *, mounted: bool
) -> None:
    if mounted and not may_grow_what_is_mounted():
        pytest.skip("this kernel lets us make no file system larger that is mounted; tests/vm does it")
    shell = Shell(made, "lxc", "guest_shell.disk=96", "guest_shell.share=24")
    larger = Shell(made, "lxc", "guest_shell.disk=192", "guest_shell.share=48")
    shell.do("enable")
    assert shell.settle() == "running"
    shell.inside(f"echo kept > /var/lib/waagent/kept; echo shared > {SHARE}/kept; sync").checked()
    if mounted:
        before = shell.status()["init"]
        assert "done" in larger.drive("relief")
        assert larger.status()["init"] == before
    else:
        made.power_cut(lose_unsynced=False)
        made.boot()
        give_loops(made)
        larger.do("enable")
        assert larger.settle() == "running"
    assert 150 < size(made, "/var/lib/limpet/guest/volume") <= 192
    assert 36 < size(made, SHARE) <= 48
    larger.inside("head -c 120M /dev/zero > /var/lib/waagent/filled; rm /var/lib/waagent/filled").checked()
    assert larger.inside(f"cat /var/lib/waagent/kept {SHARE}/kept").checked() == "kept\nshared\n"

    problem = shell.status()["storage"]["problem"]
    assert "guest_shell.disk says 96 MiB" in problem
    assert "made with 192" in problem
    shell.do("disable")
    shell.do("enable")
    assert size(made, "/var/lib/limpet/guest/volume") > 150
    assert shell.inside("cat /var/lib/waagent/kept").checked() == "kept\n"
