"""`limpet plan` asking a fabric: which goal state it shows, and which versions."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.fabrics import HOST, Running, on_a_fabric

from limpet.agent.plan_command import main
from limpet.emulator.exchange import Service
from limpet.emulator.storage.hosting import host_package
from limpet.emulator.storage.packages import HostedPackage
from limpet.emulator.world.changes import Change, NewSettings
from limpet.emulator.world.goalstates import Publication, publish
from limpet.model.errors import FabricUnreachable
from limpet.model.extensions import Source
from limpet.model.version import Version

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = "Example.Script"


def host(fabric: Running, version: str) -> None:
    package = HostedPackage(name=HANDLER, version=Version.parse(version), zip_bytes=b"never downloaded")
    fabric.fabric.update(lambda world: host_package(world, package, 0.0))


def change(**members: Any) -> Change:
    return Change(handler=HANDLER, settings=NewSettings(public={"a": 1}), **members)


async def goal_state(fabric: Running, *changes: Change, **members: Any) -> None:
    """Give the VM that asks from here a goal state."""
    await fabric.get(Service.WIRE_SERVER, "/machine/?comp=goalstate")
    vm = fabric.fabric.world.at(HOST)
    assert vm is not None
    now = fabric.fabric.clock.now()
    fabric.fabric.update(lambda world: publish(world, vm.name, Publication(changes=changes, **members), now))


async def plan(fabric: Running, root: Path, *arguments: str) -> int:
    settings = {
        "fabric.endpoint": HOST,
        "fabric.wire_port": fabric.port(Service.WIRE_SERVER),
        "fabric.host_plugin_port": fabric.port(Service.HOST_PLUGIN),
        "agent.library": root / "lib",
        "agent.log_dir": root / "log",
        "agent.waagent_conf": root / "waagent.conf",
    }
    options = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    empty = root / "limpet.toml"
    empty.touch()
    return await asyncio.to_thread(main, ["--config", str(empty), *options, *arguments])


def test_the_version_is_the_one_that_the_manifest_offers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def talk(fabric: Running) -> None:
        for version in ("1.0.0", "1.0.7", "1.1.0"):
            host(fabric, version)
        await goal_state(fabric, change(version="1.0"))
        assert await plan(fabric, tmp_path, "--json") == 0

    on_a_fabric(talk)
    document = json.loads(capsys.readouterr().out)
    (work,) = document["work"]
    assert (work["requested_version"], work["version"]) == ("1.0", "1.0.7")
    assert document["remark"] is None
    assert document["goal_state"]["source"] == "Fabric"
    assert not (tmp_path / "lib").exists()
    assert not (tmp_path / "log").exists()


def test_a_newer_fast_track_goal_state_is_the_one_that_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def talk(fabric: Running) -> None:
        host(fabric, "1.0.0")
        await goal_state(fabric)
        await goal_state(fabric, change(), source=Source.FAST_TRACK)
        assert await plan(fabric, tmp_path) == 0
        assert await plan(fabric, tmp_path, "--set", "fast_track.enabled=false") == 0

    on_a_fabric(talk)
    out = capsys.readouterr().out
    assert out.count("by FastTrack") == out.count("by Fabric") == 1
    assert f"1. {HANDLER} 1.0.0: wanted enabled; here it is not installed" in out


def test_a_vm_on_hold_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(fabric: Running) -> None:
        host(fabric, "1.0.0")
        await goal_state(fabric, change(), on_hold=True)
        assert await plan(fabric, tmp_path) == 0

    on_a_fabric(talk)
    assert "It would not be processed: the fabric has put this VM on hold." in capsys.readouterr().out


def test_a_manifest_that_is_not_there_is_a_refusal_of_that_handler(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def talk(fabric: Running) -> None:
        storage = fabric.fabric.world.settings.storage
        await goal_state(fabric, change(version="1.0", manifest_uris=(f"{storage}/none.xml",)))
        assert await plan(fabric, tmp_path) == 0

    on_a_fabric(talk)
    out = capsys.readouterr().out
    assert f"1. {HANDLER} 1.0: refused\n    Failed to get ext handler pkgs" in out


def test_without_a_fabric_what_was_tried_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "limpet.toml").touch()
    with pytest.raises(
        FabricUnreachable, match=r"no wire server was found; tried 127\.0\.0\.1 \(configured: option\)"
    ):
        main(
            [
                f"--config={tmp_path}/limpet.toml",
                f"--set=agent.waagent_conf={tmp_path}/none",
                f"--set=fabric.endpoint={HOST}",
                "--set=fabric.wire_port=1",
            ]
        )
