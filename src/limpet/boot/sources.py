"""Where the wish to provision comes from: media first, then what a boot that was cut short has kept, then metadata."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.boot import media as media_of
from limpet.boot.provisioning import BEGUN, Wanted
from limpet.guest.identity import same_vm
from limpet.guest.interfaces import candidates
from limpet.guest.marker import POOL_RECORD
from limpet.host.facts import interfaces
from limpet.host.facts.reading import is_there, text_of
from limpet.model.errors import MalformedDocument
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.boot.machine import Machine
    from limpet.boot.media import Media
    from limpet.config.settings import Config


METADATA = "instance metadata"


KEPT_PATIENCE = 5.0
"""How long a boot that has a kept document waits for media all the same: media has the password, and may be another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """wanted: the wish. where: for people. media: to give back, where there is some. notes: what is odd, for people."""

    wanted: Wanted
    where: str
    media: Media | None = None
    notes: tuple[str, ...] = ()

    @property
    def pooled(self) -> bool:
        """Whether it says that the VM is pre-provisioned in a pool, in whatever way."""
        platform = self.wanted.environment.platform
        return platform.preprovisioned_vm or platform.preprovisioned_vm_type is not None


def drive(machine: Machine, config: Config) -> media_of.Machine:
    """The ports that looking for media needs."""
    return media_of.Machine(
        files=machine.files,
        devices=machine.devices,
        commands=machine.commands,
        clock=machine.clock,
        log=machine.log,
        mount_point=config.media_mount_point,
    )


def from_media(
    machine: Machine, config: Config, vm_id: str, *, patience: float, problems: list[str] | None = None
) -> Source | None:
    """The media's wish, or the kept one of this VM's own cut boot; None where there is neither.

    problems: gets what kept media from being read, for people.
    Raises: MalformedDocument, when there is media and it cannot be used.
    """
    before = kept(machine, config, vm_id)
    if before is not None and is_there(machine.files, POOL_RECORD):
        return before  # media that is still there is the pool's
    # What is kept was already applied in part; media that is still there says the same and has the password.
    found = media_of.find_media(
        drive(machine, config),
        patience=min(patience, KEPT_PATIENCE) if before else patience,
        problems=problems,
    )
    if found is None or found.environment is None:
        return before
    machine.log.info("media.found", where=found.where)
    return _source(found, vm_id)


def kept(machine: Machine, config: Config, vm_id: str) -> Source | None:
    """The wish that this VM's own boot, cut short, has kept; None where none was cut short."""
    begun = text_of(machine.files, BEGUN)
    found = media_of.kept_media(machine.files, config.library) if begun and same_vm(begun, vm_id) else None
    return None if found is None else _source(found, vm_id)


def waited(machine: Machine, config: Config, vm_id: str) -> bool:
    """Whether an earlier start has waited in a pool, and nobody's wish is known yet."""
    return is_there(machine.files, POOL_RECORD) and kept(machine, config, vm_id) is None


def completed(machine: Machine, source: Source) -> Source:
    """The media's wish with what metadata adds. Raises: FabricError, MalformedDocument, when neither names a user of this VM."""
    from limpet.boot.metadata import ask_metadata  # noqa: PLC0415 - media nearly always names a user
    from limpet.guest.sources import merged  # noqa: PLC0415

    metadata = ask_metadata(machine.http, machine.clock, machine.chance, machine.log, patience=30.0)
    environment = merged(source.wanted.environment, metadata)
    source = replace(source, wanted=replace(source.wanted, environment=environment))
    if environment.user_name is None and not source.pooled:
        raise MalformedDocument("instance metadata", "osProfile.adminUsername is missing too")
    return source


def from_pool(document: bytes, vm_id: str) -> Source:
    """The wish of whom a VM of a pool was given to. Raises: MalformedDocument."""
    from limpet.wire.ovfenv import parse_ovf_environment  # noqa: PLC0415

    try:
        environment = parse_ovf_environment(document)
    except MalformedDocument as error:
        raise MalformedDocument(
            "reprovision data", f"error parsing {error.document}: {error.problem}"
        ) from error
    found = media_of.Media(where="reprovision data", environment=environment, document=Secret(document))
    return _source(found, vm_id)


def _source(found: Media, vm_id: str) -> Source:
    assert found.environment is not None  # noqa: S101 - both callers have looked
    wanted = Wanted(
        environment=found.environment,
        vm_id=vm_id,
        document=media_of.redacted_document(found),
        resumed=found.kept,
    )
    return Source(wanted=wanted, where=found.where, media=None if found.kept else found)


def from_metadata(machine: Machine, vm_id: str) -> Source:
    """The metadata service's wish, over a network that is up. Raises: FabricError, MalformedDocument."""
    from limpet.boot.metadata import ask_metadata  # noqa: PLC0415 - most VMs have media
    from limpet.guest.sources import doubts, merged  # noqa: PLC0415
    from limpet.wire.ovfenv import render_ovf_environment  # noqa: PLC0415

    metadata = ask_metadata(machine.http, machine.clock, machine.chance, machine.log)
    environment = merged(None, metadata)
    machine.log.info("metadata.found", where=METADATA)
    return Source(
        wanted=Wanted(environment=environment, vm_id=vm_id, document=render_ovf_environment(environment)),
        where=METADATA,
        notes=(
            "there is no media, so neither a password nor custom data",
            *doubts(None, metadata, [nic.mac for nic in candidates(interfaces.nics(machine.files))]),
        ),
    )
