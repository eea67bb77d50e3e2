"""Media: found wherever it is, late or broken, and never taken for what it is not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from limpet.boot.media import Machine, Media, eject, find_media, kept_media, redacted_document
from limpet.emulator.media.image import FileSystem, disc
from limpet.emulator.media.variants import VARIANTS, medium
from limpet.guest.media import plan_kept_copy
from limpet.host.fake import FakeMachine
from limpet.host.fake_devices import Disk, show_disk
from limpet.host.fake_files import Node
from limpet.host.fake_programs import install
from limpet.model.errors import MalformedDocument
from limpet.model.provisioning import OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret
from limpet.wire.ovfenv import render_ovf_environment

LIBRARY, POINT = Path("/var/lib/waagent"), Path("/mnt/cdrom/secure")
SR0 = Path("/dev/sr0")
PASSWORD = "Example-Pw-1"
WISH = OvfEnvironment(
    host_name="vm-001",
    user_name="alice",
    user_password=Secret(PASSWORD),
    public_keys=(PublicKey(path="/home/alice/.ssh/authorized_keys", value="ssh-ed25519 AAAA alice"),),
    platform=PlatformSettings(provision_guest_agent=True),
)
DOCUMENT = render_ovf_environment(WISH)
IMAGE = disc({"ovf-env.xml": DOCUMENT})
PATIENCE = 25.0


def machine() -> FakeMachine:
    made = FakeMachine()
    install(made.commands, "disks")
    return made


def ports(made: FakeMachine) -> Machine:
    return Machine(
        files=made.files,
        devices=made.devices,
        commands=made.commands,
        clock=made.clock,
        log=made.log,
        mount_point=POINT,
    )


def put(made: FakeMachine, name: str, image: bytes | None) -> None:
    """A device with a medium; None is an empty drive."""
    path = Path("/dev") / name
    disk = Disk(size=len(image or bytes(1 << 20)), block=2048, number="11:0")
    disk.write(0, image or b"")
    show_disk(made.files, path, disk)
    if image is None:
        made.files.broken[path] = "No medium found"
    else:
        made.files.broken.pop(path, None)


def found(made: FakeMachine, patience: float = PATIENCE) -> Media:
    media = find_media(ports(made), patience=patience)
    assert media is not None
    return media


@pytest.mark.parametrize("kind", FileSystem)
@pytest.mark.parametrize("name", ["sr0", "sr1", "hdc", "vdb", "sdb"])
def test_the_document_is_read_from_any_device_without_a_process(kind: FileSystem, name: str) -> None:
    made = machine()
    put(made, "sda", bytes(1 << 16))
    put(made, name, disc({"ovf-env.xml": DOCUMENT}, file_system=kind))
    media = found(made)
    assert (media.environment, media.where) == (WISH, f"/dev/{name}")
    assert made.commands.ran == []


def test_media_that_is_mounted_already_is_read_where_it_is_and_left_there() -> None:
    made = machine()
    place = Path("/media/cd rom")
    made.files.make_folder(place)
    made.files.replace(place / "OVF-ENV.XML", DOCUMENT)
    made.files.make_folder(Path("/proc/self"))
    line = "30 1 11:0 / /media/cd\\040rom ro - udf /dev/sr0 ro\n"
    made.files.replace(Path("/proc/self/mountinfo"), line.encode())
    put(made, "sr0", disc({"ovf-env.xml": render_ovf_environment(replace(WISH, host_name="below"))}))
    media = found(made)
    assert media.environment == WISH
    assert media.device is None
    assert eject(ports(made), media) is None
    assert (made.devices.ejected, made.commands.ran) == ([], [])


def test_a_fat_volume_is_mounted_read_and_unmounted() -> None:
    made = machine()
    volume = bytearray(1 << 20)
    volume[82:90] = b"FAT32   "
    put(made, "sdb", bytes(volume))
    made.files.volumes[Path("/dev/sdb")] = {Path("ovf-env.xml"): Node(content=DOCUMENT)}
    assert found(made).environment == WISH
    mount, unmount = (call.argv for call in made.commands.ran)
    assert mount == (
        "mount", "-o", "ro,nosuid,nodev,noexec", "-t", "udf,iso9660,vfat", "/dev/sdb", str(POINT),
    )  # fmt: skip
    assert unmount == ("umount", str(POINT))
    info = made.files.info(POINT)
    assert info is not None
    assert info.mode == 0o700


def test_a_large_fat_volume_is_a_system_partition_and_not_looked_at() -> None:
    made = machine()
    volume = bytearray(128 << 20)
    volume[82:90] = b"FAT32   "
    put(made, "sdb", bytes(volume))
    assert find_media(ports(made), patience=PATIENCE) is None
    assert made.commands.ran == []


def test_a_disc_that_we_cannot_read_is_left_to_the_kernel() -> None:
    made = machine()
    image = bytearray(disc({"ovf-env.xml": DOCUMENT}, file_system=FileSystem.ISO_9660))
    image[16 * 2048 + 158 : 16 * 2048 + 162] = b"\xff" * 4  # the root folder's place
    image[17 * 2048 + 158 : 17 * 2048 + 162] = b"\xff" * 4
    put(made, "sr0", bytes(image))
    made.files.volumes[SR0] = {Path("ovf-env.xml"): Node(content=DOCUMENT)}
    assert found(made).environment == WISH
    assert [call.argv[0] for call in made.commands.ran] == ["mount", "umount"]


@pytest.mark.parametrize("late", [0.6, 10.0, 24.0])
def test_media_that_arrives_late_is_waited_for(late: float) -> None:
    made = machine()
    put(made, "sr0", None)
    made.clock.after(late, lambda: put(made, "sr0", IMAGE))
    begun = made.clock.monotonic()
    assert found(made).environment == WISH
    assert late <= made.clock.monotonic() - begun <= late + 1.0


def test_a_drive_that_arrives_late_is_waited_for_where_the_hypervisor_can_bring_one() -> None:
    made = machine()
    bus = Path("/sys/bus/vmbus/devices/f8b3781a-1e82-4818-a1c3-63d806ec15bb")
    made.files.make_folder(bus)
    made.files.replace(bus / "class_id", b"{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}\n")
    made.clock.after(12.0, lambda: put(made, "sr0", IMAGE))
    assert found(made).environment == WISH


def test_a_machine_without_a_drive_is_not_kept_waiting() -> None:
    made = machine()
    put(made, "sda", bytes(1 << 16))
    begun = made.clock.monotonic()
    assert find_media(ports(made), patience=1000.0) is None
    assert made.clock.monotonic() - begun <= 2.0


def test_an_empty_drive_is_waited_for_as_long_as_configured_and_no_longer() -> None:
    made = machine()
    put(made, "sr0", None)
    begun = made.clock.monotonic()
    assert find_media(ports(made), patience=PATIENCE) is None
    assert PATIENCE - 1.0 <= made.clock.monotonic() - begun <= PATIENCE


def test_a_device_that_reports_errors_is_told_tried_again_and_does_not_hide_another() -> None:
    made = machine()
    put(made, "sr0", IMAGE)
    made.files.broken[SR0] = "Input/output error"
    made.clock.after(3.0, made.files.broken.clear)
    media = found(made)
    assert media.environment == WISH
    assert media.tried == ("cannot read /dev/sr0: Input/output error",)
    assert len(made.log.of("media.problem")) == 1
    other = machine()
    put(other, "sr0", IMAGE)
    other.files.broken[SR0] = "Input/output error"
    put(other, "sr1", IMAGE)
    assert found(other).where == "/dev/sr1"


def test_a_device_that_only_reports_errors_ends_with_a_reason_in_the_log() -> None:
    made = machine()
    put(made, "sr0", IMAGE)
    made.files.broken[SR0] = "Input/output error"
    assert find_media(ports(made), patience=PATIENCE) is None
    assert "Input/output error" in str(made.log.of("media.none")[0]["tried"])


@pytest.mark.parametrize(("version", "told"), [("1.0", 0), ("2.7", 1)])
def test_a_document_of_a_newer_version_is_read_and_told_of(version: str, told: int) -> None:
    made = machine()
    put(made, "sr0", disc({"ovf-env.xml": render_ovf_environment(replace(WISH, version=version))}))
    assert found(made).environment == replace(WISH, version=version)
    assert len(made.log.of("media.version")) == told


def test_the_documents_own_spelling_is_preferred() -> None:
    other = render_ovf_environment(replace(WISH, user_name="eve", host_name="other"))
    made = machine()
    put(made, "sr0", disc({"OVF-ENV.XML": other, "ovf-env.xml": DOCUMENT}))
    assert found(made).environment == WISH


def test_scvmm_media_is_told_apart() -> None:
    made = machine()
    put(made, "sr0", medium(WISH, "scvmm").image())
    media = found(made)
    assert (media.scvmm, media.environment, media.device) == (True, None, SR0)


def test_a_disc_with_other_files_is_not_media() -> None:
    made = machine()
    put(made, "sr0", disc({"README.txt": b"guest additions"}))
    assert find_media(ports(made), patience=PATIENCE) is None


FINE = sorted(name for name, variant in VARIANTS.items() if variant.fine and name != "scvmm")
NOT_OURS_TO_REFUSE = sorted(
    name for name in VARIANTS if name.endswith(("-user", "host-name", "-key", "-home", "-base64"))
)
BROKEN = sorted(set(VARIANTS) - set(FINE) - set(NOT_OURS_TO_REFUSE) - {"scvmm"})


@pytest.mark.parametrize("name", FINE)
def test_an_odd_but_proper_medium_is_read(name: str) -> None:
    made = machine()
    put(made, "sr0", medium(WISH, name).image())
    environment = found(made).environment
    assert environment is not None
    assert (environment.host_name, environment.user_name) == ("vm-001", "alice")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_medium_ends_with_a_reason_and_never_a_crash(name: str) -> None:
    made = machine()
    put(made, "sr0", medium(WISH, name).image())
    with suppress(MalformedDocument):
        assert find_media(ports(made), patience=PATIENCE) is None
    assert made.log.of("media.problem") or name == "no-document"
    assert PASSWORD not in str(made.log.entries)


def test_a_broken_document_on_one_device_does_not_hide_a_good_one() -> None:
    made = machine()
    put(made, "sr0", disc({"ovf-env.xml": DOCUMENT[:200]}))
    put(made, "sr1", IMAGE)
    media = found(made)
    assert media.where == "/dev/sr1"
    assert "/dev/sr0: ovf-env.xml" in media.tried[0]


def test_the_kept_copy_has_no_password_and_is_a_source_later() -> None:
    made = machine()
    put(made, "sr0", IMAGE)
    media = found(made)
    copy = redacted_document(media)
    assert PASSWORD.encode() not in copy
    for step in plan_kept_copy(copy, None, LIBRARY).steps:
        assert PASSWORD not in repr(step)
    made.files.replace(LIBRARY / "ovf-env.xml", copy, mode=0o600)
    later = kept_media(made.files, LIBRARY)
    assert later is not None
    assert later.kept
    assert later.environment == replace(WISH, user_password=None)
    assert plan_kept_copy(copy, copy, LIBRARY).steps == ()


@pytest.mark.parametrize("content", [None, b"", b"<Environment", DOCUMENT[:300]])
def test_a_kept_copy_that_cannot_be_used_is_none(content: bytes | None) -> None:
    made = machine()
    if content is not None:
        made.files.replace(LIBRARY / "ovf-env.xml", content)
    assert kept_media(made.files, LIBRARY) is None


def test_the_drive_is_opened_and_one_that_does_not_is_only_told_of() -> None:
    made = machine()
    put(made, "sr0", IMAGE)
    assert eject(ports(made), found(made)) is None
    assert made.devices.ejected == [SR0]
    other = machine()
    put(other, "vdb", IMAGE)
    assert eject(ports(other), found(other)) is None
    assert other.devices.ejected == []
