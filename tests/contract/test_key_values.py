"""The KeyValues port: the same behaviour from memory and from a pool file."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from limpet.host.clock import RealClock
from limpet.host.fake import FakeClock
from limpet.host.fake_kvp import FakeKeyValues
from limpet.host.kvp import POOL, RealKeyValues
from limpet.model.errors import HostError
from limpet.wire.kvp import MOST_RECORDS, RECORD_SIZE, Pair, parse_pool, render_pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.host.ports import KeyValues

LONG_AGO = 1000.0
UPTIME = 60.0


@pytest.fixture(params=["fake", "real"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[KeyValues, Callable[[], bytes]]:
    if request.param == "real":
        return RealKeyValues(RealClock(), UPTIME, [tmp_path]), (tmp_path / POOL).read_bytes
    fake = FakeKeyValues()
    return fake, lambda: bytes(fake.pool)


def test_pairs_are_added_in_order(pool: tuple[KeyValues, Callable[[], bytes]]) -> None:
    values, content = pool
    assert values.tell([("a", "1"), ("b", "x" * 1500)])
    assert values.tell([("a", "2")])
    assert [(pair.key, len(pair.value)) for pair in parse_pool(content())] == [
        ("a", 1),
        ("b", 1022),
        ("b", 478),
        ("a", 1),
    ]


def test_a_pool_does_not_grow_without_end(pool: tuple[KeyValues, Callable[[], bytes]]) -> None:
    values, content = pool
    for _ in range(3):
        values.tell([("k", "v" * 1022 * 400)])
    assert len(content()) == MOST_RECORDS * RECORD_SIZE


@pytest.mark.parametrize("values", [FakeKeyValues(listening=False), RealKeyValues(RealClock(), UPTIME, [])])
def test_without_a_hypervisor_nobody_listens(values: KeyValues) -> None:
    assert not values.tell([("a", "1")])


def test_what_an_earlier_boot_left_is_dropped_once(tmp_path: Path) -> None:
    place = tmp_path / POOL
    place.write_bytes(render_pairs("old", "1"))
    then = place.stat().st_mtime - LONG_AGO
    os.utime(place, (then, then))
    values = RealKeyValues(RealClock(), UPTIME, [tmp_path])
    values.tell([("new", "2")])
    os.utime(place, (then, then))
    values.tell([("newer", "3")])
    assert parse_pool(place.read_bytes()) == (Pair(key="new", value="2"), Pair(key="newer", value="3"))


def test_what_another_agent_wrote_in_this_boot_stays(tmp_path: Path) -> None:
    place = tmp_path / POOL
    place.write_bytes(render_pairs("theirs", "1") + b"half a record")
    RealKeyValues(RealClock(), 1e9, [tmp_path]).tell([("ours", "2")])
    assert parse_pool(place.read_bytes()) == (Pair(key="theirs", value="1"), Pair(key="ours", value="2"))


def test_the_hypervisors_daemon_is_kept_out_meanwhile_and_waited_for(tmp_path: Path) -> None:
    place = tmp_path / POOL
    place.touch()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()",
            str(place),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    clock = FakeClock()
    with pytest.raises(HostError, match="cannot write to"):
        RealKeyValues(clock, UPTIME, [tmp_path]).tell([("a", "1")])
    clock.after(0.5, lambda: holder.communicate(timeout=120))
    assert RealKeyValues(clock, UPTIME, [tmp_path]).tell([("a", "1")])
    assert len(place.read_bytes()) == RECORD_SIZE
    with place.open("r+b") as descriptor:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ours is let go


def test_a_link_in_the_pools_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / POOL).symlink_to(target)
    with pytest.raises(HostError):
        RealKeyValues(RealClock(), UPTIME, [tmp_path]).tell([("a", "1")])
    assert target.read_bytes() == b"precious"


def test_where_the_kernel_has_the_channel_the_daemons_folder_is_made_for_it(tmp_path: Path) -> None:
    device, folder = tmp_path / "hv_kvp", tmp_path / "lib" / "hyperv"
    values = RealKeyValues(RealClock(), UPTIME, [folder], device)
    assert not values.tell([("a", "1")])
    device.touch()
    assert values.tell([("a", "1")])
    assert parse_pool((folder / POOL).read_bytes()) == (Pair(key="a", value="1"),)
