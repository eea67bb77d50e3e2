"""Drivers that an image does not load by itself: without them there is no disc, no network and nobody to report to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.boot.whole import ALL_OVER, WISH, Vm
from tests.plans.cases import put

from limpet.boot.preview import preview
from limpet.emulator.media.variants import medium
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

DRIVE = "/sys/bus/scsi/devices/0:0:0:2"
MODULES = "/lib/modules/6.1.0-28-cloud-amd64/modules.dep"


def without_driver(*, fails: bool = False) -> Vm:
    """A VM whose disc is in a drive that nothing drives."""
    vm = Vm.new(None)
    put(vm.machine, Path(DRIVE, "type"), "5\n")
    put(vm.machine, Path(MODULES), "kernel/drivers/scsi/sr_mod.ko: kernel/drivers/cdrom/cdrom.ko\n")

    def modprobe(files: FakeFiles, _call: Call) -> Said:
        if fails:
            return Said(
                exit_code=1, stderr=b"modprobe: ERROR: could not insert 'sr_mod': Exec format error\n"
            )
        with by_the_kernel(files):
            files.make_folder(Path("/sys/module/sr_mod"))
            vm.insert(medium(WISH).image())
        return Said()

    vm.machine.commands.programs["modprobe"] = modprobe
    return vm


def modprobes(vm: Vm) -> list[tuple[str, ...]]:
    return [call.argv for call in vm.machine.commands.ran if call.argv[0] == "modprobe"]


def test_a_drive_gets_its_driver_before_its_disc_is_looked_for() -> None:
    vm = without_driver()
    result = vm.boot()
    assert (result.state, result.source) == ("ready", "/dev/sr0"), result
    assert modprobes(vm) == [("modprobe", "-b", "-a", "sr_mod")]


def test_a_preview_shows_it_and_loads_nothing() -> None:
    vm = without_driver()
    shown = preview(vm.ports, ALL_OVER).as_text()
    assert "+ modules: load sr_mod\n    run modprobe -b -a sr_mod\n" in shown
    assert modprobes(vm) == []


def test_a_driver_that_cannot_be_loaded_is_told_and_the_boot_goes_on() -> None:
    vm = without_driver(fails=True)
    result = vm.boot()
    [told] = [outcome.describe() for outcome in result.outcomes if outcome.task.name == "modules"]
    assert "cannot load sr_mod" in told
    assert "Exec format error" in told
    assert result.state == "ready"  # there is metadata besides
    assert result.source != "/dev/sr0"


def test_where_every_device_has_its_driver_no_program_is_started_for_it() -> None:
    vm = Vm.new()
    put(vm.machine, Path(DRIVE, "type"), "5\n")
    put(vm.machine, Path(DRIVE, "driver"), {"link": "/sys/bus/scsi/drivers/sr"})
    vm.boot()
    assert modprobes(vm) == []
