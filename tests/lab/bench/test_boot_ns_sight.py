"""What the boot bench sees of a machine: which promises are kept, on a folder that stands for its root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from limpet.lab.bench.boot_ns_sight import PROMISES, Sight, Wanted, host_keys, sight
from limpet.lab.commands import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WANTED = Wanted(user="ada", key="ssh-ed25519 AAAA", host="engine", trace="/var/ran")
IN_PLACE = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
    "etc/shadow": "root:*:1::::::\nada:$6$salt$hash:1::::::\n",
    "home/ada/.ssh/authorized_keys": "ssh-ed25519 AAAA ada@example\n",
    "etc/sudoers.d/90-cloud-init-users": "# a comment\nada ALL=(ALL) NOPASSWD:ALL\n",
    "etc/ssh/ssh_host_ed25519_key": "new",
    "var/lib/waagent/CustomData": "x",
    "var/ran": "",
}
LONG_AGO = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A machine that is a folder and a host name."""

    root: Path
    host: str = "engine"
    name: str = "folder"

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str:
        return self.path(path).read_text(encoding="utf-8")

    def run(self, argv: Sequence[str], *, timeout: float = 30) -> Result:
        assert tuple(argv) == ("hostname",)
        return Result(argv=tuple(argv), exit_code=0, stdout=f"{self.host}\n", stderr="")


@pytest.fixture
def machine(tmp_path: Path) -> Folder:
    for path, content in IN_PLACE.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    return Folder(root=tmp_path)


def seen(machine: Folder) -> Sight:
    return sight(machine, WANTED, since=LONG_AGO)


def test_nothing_is_missing_of_a_machine_that_has_all(machine: Folder) -> None:
    assert seen(machine) == Sight(missing=(), ran=True)


def test_of_a_new_machine_everything_is_missing(tmp_path: Path) -> None:
    assert seen(Folder(root=tmp_path, host="localhost")) == Sight(missing=PROMISES, ran=False)


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        ("etc/passwd", "adam:x:1000::/home/adam:/bin/sh\n", "user"),
        ("etc/shadow", "ada:!:1::::::\n", "password"),
        ("home/ada/.ssh/authorized_keys", "ssh-ed25519 BBBB\n", "key"),
        ("etc/sudoers.d/90-cloud-init-users", "#ada ALL=(ALL) ALL\n", "sudo rule"),
        ("var/lib/waagent/CustomData", "", "custom data kept"),
    ],
)
def test_a_promise_that_is_not_kept_is_named(machine: Folder, path: str, content: str, what: str) -> None:
    machine.path(path).write_text(content, encoding="utf-8")
    assert seen(machine).missing == (what,)


def test_another_host_name_is_a_promise_not_kept(machine: Folder) -> None:
    assert seen(Folder(root=machine.root, host="localhost")).missing == ("host name",)


def test_host_keys_of_the_image_are_not_new(machine: Folder) -> None:
    made = machine.path("/etc/ssh/ssh_host_ed25519_key").stat().st_mtime
    assert host_keys(machine, since=made) == ["ssh_host_ed25519_key"]
    assert host_keys(machine, since=made + 1) == []
    assert sight(machine, WANTED, since=made + 1).missing == ("host keys",)


def test_custom_data_that_is_kept_and_not_run_is_told_apart(machine: Folder) -> None:
    machine.path("var/ran").unlink()
    assert seen(machine) == Sight(missing=(), ran=False)
