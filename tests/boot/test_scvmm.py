"""SCVMM's disc in a machine with any number of drives."""

from __future__ import annotations

from pathlib import Path

from limpet.boot.scvmm import Scvmm, bootstrap
from limpet.host.fake import FakeMachine
from limpet.host.fake_commands import Call, Said
from limpet.host.fake_files import FakeFiles, Node
from limpet.host.fake_programs import install

POINT, OUTPUT = Path("/mnt/cdrom/secure"), Path("/var/lib/waagent/scvmm.log")
OURS = {"linuxosconfiguration.xml": b"<x/>", "install": b"#!/bin/bash\n", "agent/a": b""}
AZURES = {"ovf-env.xml": b"<Environment/>"}


class Machine:
    def __init__(self, **discs: dict[str, bytes] | None) -> None:
        """discs: what is in each drive; None for an empty one."""
        self.fake = FakeMachine()
        install(self.fake.commands, "disks", "modules")
        self.installed: list[tuple[str, ...]] = []
        self.fake.commands.programs["bash"] = self._bash
        for name, files in discs.items():
            self.fake.files.block_device(Path("/dev", name))
            if files is not None:
                nodes = {Path(path): Node(content=content) for path, content in files.items()}
                self.fake.files.volumes[Path("/dev", name)] = nodes

    def _bash(self, files: FakeFiles, call: Call) -> Said:
        self.installed.append(call.argv)
        return Said("welcome\n") if files.info(Path(call.argv[1])) else Said(exit_code=127)

    def run(self) -> Scvmm | None:
        fake = self.fake
        acting = fake.interpreter
        return bootstrap(acting, POINT, fake.log, output=OUTPUT)

    def mounts(self) -> str:
        try:
            return self.fake.files.read(Path("/proc/self/mountinfo"), at_most=9999).decode()
        except FileNotFoundError:
            return ""

    def ran(self) -> list[str]:
        return [call.argv[0] for call in self.fake.commands.ran]


def test_its_agent_is_started_from_the_disc_which_stays_mounted() -> None:
    machine = Machine(sr0=OURS)
    assert machine.run() == Scvmm(device=Path("/dev/sr0"), point=POINT)
    assert machine.installed == [("/bin/bash", f"{POINT}/install", "-p", f"{POINT}/")]
    assert f" {POINT} ro" in machine.mounts() or f" {POINT} " in machine.mounts()
    assert machine.fake.files.read(OUTPUT, at_most=99) == b"welcome\n"


def test_every_drive_is_looked_into_and_other_discs_are_let_go() -> None:
    machine = Machine(cd0=None, sr0=AZURES, sr1=OURS)
    found = machine.run()
    assert found is not None
    assert found.device == Path("/dev/sr1")
    assert machine.ran().count("mount") == 3
    assert "/dev/sr0" not in machine.mounts()


def test_without_it_nothing_is_left_mounted_and_boot_goes_on() -> None:
    machine = Machine(sr0=AZURES, hdc=None)
    assert machine.run() is None
    assert machine.mounts() == ""
    assert machine.installed == []


def test_a_drive_with_read_errors_does_not_keep_the_next_one_from_being_tried() -> None:
    machine = Machine(sr0=AZURES, sr1=OURS)
    machine.fake.files.broken[Path("/dev/sr0")] = "Input/output error"
    found = machine.run()
    assert found is not None
    assert found.device == Path("/dev/sr1")


def test_a_disc_that_is_mounted_already_is_used_where_it_is() -> None:
    machine = Machine(sr0=OURS)
    machine.fake.files.make_folder(Path("/media/vmm"))
    machine.fake.commands.run(("mount", "-t", "udf", "/dev/sr0", "/media/vmm"))
    found = machine.run()
    assert found is not None
    assert found.point == Path("/media/vmm")
    assert machine.installed == [("/bin/bash", "/media/vmm/install", "-p", "/media/vmm/")]


def test_an_installer_that_fails_is_told_and_azures_provisioning_stays_away_all_the_same() -> None:
    machine = Machine(sr0={name: content for name, content in OURS.items() if name != "install"})
    found = machine.run()
    assert found is not None
    assert found.problem == "there is no install on its disc"
    machine = Machine(sr0=OURS)
    machine.fake.commands.programs["bash"] = lambda _files, _call: Said(stderr="no space\n", exit_code=1)
    found = machine.run()
    assert found is not None
    assert found.problem == "it ended with 1"
    assert machine.fake.log.of("scvmm.failed") == [{"problem": "it ended with 1"}]
    assert machine.fake.files.read(OUTPUT, at_most=99) == b"no space\n"


def test_drivers_are_loaded_only_where_no_drive_is_seen() -> None:
    machine = Machine()
    folder = Path("/lib/modules", machine.fake.kernel.release())
    machine.fake.files.make_folder(folder)
    machine.fake.files.replace(
        folder / "modules.dep", b"kernel/drivers/ata/ata_piix.ko: kernel/drivers/ata/libata.ko\n"
    )
    assert machine.run() is None
    assert machine.ran() == ["modprobe"]
    with_drive = Machine(sr0=AZURES)
    with_drive.run()
    assert "modprobe" not in with_drive.ran()
