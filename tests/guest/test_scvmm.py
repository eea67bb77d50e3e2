"""Which drives may hold SCVMM's disc, and what its root looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from limpet.guest.scvmm import drives, installation, is_scvmm, mounting


def test_drives_are_found_by_name_each_once() -> None:
    names = ["cd0", "cdrom", "cdrom1", "hda", "hdc", "sda", "sr0", "sr1", "sr10", "tty", "dvd", "cd"]
    found = drives(names, {"cdrom": "sr0", "cdrom1": "sda"})
    assert found == ["cd0", "sr0", "hdc", "sr1"]


@pytest.mark.parametrize(
    ("names", "is_its"),
    [
        (["install", "linuxosconfiguration.xml"], True),
        (["LINUXOSCONFIGURATION.XML"], True),
        (["ovf-env.xml"], False),
        ([], False),
    ],
)
def test_its_disc_is_known_by_the_configuration_at_its_root(names: list[str], is_its: bool) -> None:
    assert is_scvmm(names) is is_its


def test_the_installers_option_and_path_are_two_arguments() -> None:
    step = installation(Path("/mnt/cdrom/secure"), None)
    assert step.argv == ("/bin/bash", "/mnt/cdrom/secure/install", "-p", "/mnt/cdrom/secure/")


def test_a_disc_is_mounted_read_only() -> None:
    _, mount = mounting(Path("/dev/sr0"), Path("/mnt"))
    assert mount.argv == ("mount", "-o", "ro", "-t", "udf,iso9660", "/dev/sr0", "/mnt")
