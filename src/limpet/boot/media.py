"""Finds the provisioning media and reads its document. Source: guest-setup.md §A.2, §A.3; docs/decisions/0014-media-reader.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.media import DOCUMENT, LARGEST_DOCUMENT, SCVMM_DOCUMENT, devices, mounted_media
from limpet.host.facts import media as facts
from limpet.host.facts.reading import bytes_of, names_in
from limpet.host.mounting import mount_media, unmount_media
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.secret import Secret
from limpet.wire import disc, ovfenv, sectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.guest.media import Block, MediaFacts
    from limpet.host.ports import Clock, Commands, Devices, Files, Log
    from limpet.model.provisioning import OvfEnvironment

_PAUSE = 0.5
SHORT_PATIENCE = 2.0
"""How long to wait where the machine has neither a drive nor a bus that could bring one, seconds."""
_NO_MEDIUM = (
    "No medium found", "Wrong medium type", "No such file or directory", "No such device", "No such device or address",
)  # fmt: skip
"""What an empty drive says, or a device that is not there: nothing to tell of."""
_WANTED = frozenset({DOCUMENT, SCVMM_DOCUMENT})
_KNOWN_VERSIONS = ("1.0", "")
"""Of the document; a newer one is read as far as it is understood. Source: guest-setup.md §A.1."""
_FAT = ((54, b"FAT"), (82, b"FAT"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """What was found.

    where: the device, the mount or the kept copy, for people. environment: what the document asks for; document: as it is,
    with its password. Both are None for System Center's media. device: to eject when everything was read, None where that
    is not ours to do. kept: whether it is the copy of an earlier boot, which has no password. tried: what failed before.
    """

    where: str
    environment: OvfEnvironment | None = None
    document: Secret[bytes] | None = None
    device: Path | None = None
    scvmm: bool = False
    kept: bool = False
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The ports that looking for media needs. mount_point: where media is mounted that cannot be read without."""

    files: Files
    devices: Devices
    commands: Commands
    clock: Clock
    log: Log
    mount_point: Path


def find_media(machine: Machine, *, patience: float, problems: list[str] | None = None) -> Media | None:
    """Look until something is found; None when nothing came.

    problems: gets what kept media from being read, where nothing is found, for people.
    patience: seconds, where the machine has a drive; without one it is a short look. A device that cannot be read is tried
    again until then. Raises: MalformedDocument, when there is media and its document cannot be used: that does not change
    by waiting.
    """
    known = facts.look(machine.files)
    if not known.may_come:
        patience = min(patience, SHORT_PATIENCE)
    deadline = machine.clock.monotonic() + patience
    tried: dict[str, None] = {}
    while True:
        found = _look_once(machine, known, tried)
        if found is not None:
            return found
        if machine.clock.monotonic() + _PAUSE > deadline:
            if tried:
                machine.log.warning("media.none", tried="; ".join(tried))
                if problems is not None:
                    problems += tried
            return None
        machine.clock.sleep(_PAUSE)
        known = facts.look(machine.files)


def _look_once(machine: Machine, known: MediaFacts, tried: dict[str, None]) -> Media | None:
    """Every place once. tried: is added to, with what failed where."""
    malformed: MalformedDocument | None = None
    for where, device, read in _places(machine, known):
        try:
            names, bodies = read()
        except HostError as error:
            if not str(error).endswith(_NO_MEDIUM):
                _tell(machine, tried, str(error))
            continue
        except MalformedDocument as error:
            _tell(machine, tried, f"{where}: {error.problem}")
            malformed = error
            continue
        if SCVMM_DOCUMENT in names and DOCUMENT not in names:
            return Media(where=where, device=device, scvmm=True, tried=tuple(tried))
        body = bodies.get(DOCUMENT)
        if body is None:
            continue
        try:
            environment = ovfenv.parse_ovf_environment(body)
        except MalformedDocument as error:
            _tell(machine, tried, f"{where}: {error}")
            malformed = error
            continue
        if environment.version not in _KNOWN_VERSIONS:
            machine.log.warning("media.version", where=where, version=environment.version[:40])
        return Media(
            where=where, device=device, environment=environment, document=Secret(body), tried=tuple(tried)
        )
    if malformed is not None:
        raise malformed
    return None


def _tell(machine: Machine, tried: dict[str, None], problem: str) -> None:
    if problem not in tried:
        machine.log.warning("media.problem", problem=problem)
    tried[problem] = None


def _places(machine: Machine, known: MediaFacts) -> Iterator[tuple[str, Path | None, Callable[[], _Found]]]:
    for mount in mounted_media(known):
        yield f"{mount.source} at {mount.point}", None, partial(_in_folder, machine.files, Path(mount.point))
    for block in devices(known):
        yield str(block.path), block.path if block.optical else None, partial(_on_device, machine, block)


_Found = tuple[frozenset[str], dict[str, bytes]]
"""The names that matter, in lower case, and the document."""


def _in_folder(files: Files, folder: Path) -> _Found:
    spellings = [name for name in names_in(files, folder) if name.lower() in _WANTED]
    chosen = _spelled(spellings)
    names = frozenset(name.lower() for name in spellings)
    if chosen is None:
        return names, {}
    return names, {DOCUMENT: files.read(folder / chosen, at_most=LARGEST_DOCUMENT)}


def _spelled(names: list[str]) -> str | None:
    """The document's name as it is spelled: its own spelling where it is there."""
    return DOCUMENT if DOCUMENT in names else next((each for each in names if each.lower() == DOCUMENT), None)


def _on_device(machine: Machine, block: Block) -> _Found:
    read = disc.gathered(partial(machine.devices.read, block.path))
    head = read(0, sectors.SECTOR)
    kinds = disc.recognized(read)
    if not kinds:
        fat = any(head[at : at + len(magic)] == magic for at, magic in _FAT)
        if fat and block.may_be_fat_media:
            return _by_mount(machine, block.path)
        if block.optical:
            raise HostError(f"{block.path}: its medium has neither ISO 9660 nor UDF")
        return frozenset(), {}
    try:
        found = disc.find_files(read, _WANTED)
        chosen = _spelled([file.name for file in found])
        names = frozenset(file.name.lower() for file in found)
        if chosen is None:
            return names, {}
        file = next(file for file in found if file.name == chosen)
        return names, {DOCUMENT: disc.content(read, file, at_most=LARGEST_DOCUMENT)}
    except MalformedDocument as error:
        try:
            by_mount = _by_mount(machine, block.path)
        except HostError as refused:
            raise MalformedDocument(sectors.DOCUMENT, f"{error.problem} ({refused})") from refused
        if not by_mount[0]:  # the kernel sees nothing of ours either
            raise
        return by_mount


def _by_mount(machine: Machine, device: Path) -> _Found:
    """What the kernel makes of it."""
    mount_media(machine.files, machine.commands, device, machine.mount_point)
    try:
        return _in_folder(machine.files, machine.mount_point)
    finally:
        try:
            unmount_media(machine.commands, machine.mount_point)
        except HostError as error:
            machine.log.warning("media.still_mounted", problem=str(error))


def kept_media(files: Files, library: Path) -> Media | None:
    """The copy of an earlier boot, of this agent or another; None where there is none that can be used."""
    path = library / DOCUMENT
    body = bytes_of(files, path, at_most=LARGEST_DOCUMENT)
    try:
        environment = None if body is None else ovfenv.parse_ovf_environment(body)
    except MalformedDocument:
        return None
    if body is None or environment is None:
        return None
    return Media(where=str(path), environment=environment, document=Secret(body), kept=True)


def redacted_document(media: Media) -> bytes:
    """The document without its password, to keep. Raises: MalformedDocument, for media without one."""
    if media.document is None:
        raise MalformedDocument(ovfenv.DOCUMENT, f"there is none on {media.where}")
    return ovfenv.redacted_ovf_environment(media.document.reveal())


def eject(machine: Machine, media: Media) -> str | None:
    """Give the medium back; a drive that does not is only told of. Gives the problem, for people."""
    if media.device is None:
        return None
    try:
        machine.devices.eject(media.device)
    except HostError as error:
        machine.log.warning("media.not_ejected", problem=str(error))
        return str(error)
    return None
