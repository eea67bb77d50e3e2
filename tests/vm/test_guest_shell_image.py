"""The whole image of a guest shell, built twice and started. It needs no virtual machine, but as much time as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system.conftest import appliance_parts as appliance_parts  # noqa: PLC0414 - a fixture
from tests.system.test_guest_shell import Shell, booted
from tests.system.test_guest_shell_build import built, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.lab.appliance.room import Parts

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

LARGEST = 80 * 1024 * 1024


def test_the_image_is_the_same_twice_small_and_starts_without_a_failed_unit(
    tmp_path: Path, appliance_parts: Parts
) -> None:
    wanted = recipe(tmp_path / "limpet")
    image, again = (built(wanted, tmp_path / f"{name}.squashfs") for name in ("one", "two"))
    assert image.digest == again.digest
    assert image.size is not None
    assert image.size < LARGEST
    assert not {"perl", "usrmerge"} & set(image.packages)
    with booted(appliance_parts, loops=True) as made:
        shell = Shell(made, "lxc")
        for name in ("one.squashfs", "one.squashfs.json"):
            made.machine.write(f"/var/lib/limpet/{name}", (tmp_path / name).read_bytes())
        shell.do("upgrade", "/var/lib/limpet/one.squashfs")
        shell.do("enable")
        assert shell.settle() == "running"
        assert shell.status()["image"]["slot"] == "a"
        said = shell.inside(
            "limpet --version; systemctl is-enabled limpet-agent; test -s /etc/machine-id && echo named"
        )
        assert said.stdout.splitlines()[1:] == ["enabled", "named"]
