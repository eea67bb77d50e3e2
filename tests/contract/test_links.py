"""The Links and Devices ports: what is not there is a reason, from memory and from this machine alike.

What they do with what is there is compared in tests/system: it needs networks and devices of its own.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from limpet.host.devices import RealDevices
from limpet.host.fake import FakeMachine
from limpet.host.links import RealLinks
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Devices, Links

both_links = pytest.mark.parametrize("links", [FakeMachine().links, RealLinks()], ids=["fake", "real"])
both_devices = pytest.mark.parametrize(
    "devices", [FakeMachine().devices, RealDevices()], ids=["fake", "real"]
)


@both_links
@pytest.mark.parametrize("name", ["limpet-nothere", "a/b", "x" * 40, ""])
def test_a_nic_that_is_not_there_is_a_reason(links: Links, name: str) -> None:
    with pytest.raises(HostError):
        links.open_wire(name)
    with pytest.raises(HostError, match=r"cannot bring .* up"):
        links.set_up(name, True)


def with_a_loopback() -> FakeMachine:
    machine = FakeMachine()
    machine.links.add("lo", up=True)
    return machine


@pytest.mark.parametrize("links", [with_a_loopback().links, RealLinks()], ids=["fake", "real"])
def test_news_of_nics_begins_with_those_that_are_there(links: Links) -> None:
    with closing(links.changes()) as news:
        names: list[str] = []
        while (state := news.next(0.0 if names else 5.0)) is not None:
            assert state.present
            assert state.index > 0
            names.append(state.name)
        assert "lo" in names
        assert news.next(0.05) is None


@both_devices
def test_a_device_that_is_not_there_is_a_reason(devices: Devices, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file or directory"):
        devices.read(tmp_path / "sr9", 0, 2048)


def test_a_file_in_a_devices_place_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / "sr0"
    place.write_bytes(b"x" * 4096)
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for path in (place, link):
        with pytest.raises(HostError):
            RealDevices().read(path, 0, 2048)
        with pytest.raises(HostError):
            RealDevices().eject(path)
