"""Refuses to talk to the fabric on an appliance, where the supervisor has given the right to it to another stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.fabric_lease import GRANT, LARGEST, parse_grant
from limpet.host.reported import boot_id
from limpet.model.errors import AlreadyRunning, HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from limpet.guest.fabric_lease import Holder
    from limpet.host.ports import Files


def refuse_without_grant(files: Files, exchange: Path, who: str, *, allowed: Collection[Holder]) -> bool:
    """Whether this is an appliance at all; then the lease is granted to one of `allowed`. who: for the message.

    Raises: AlreadyRunning, naming the holder (network-appliance.md F14); HostError, when it cannot be known.
    """
    file = exchange / GRANT
    try:
        grant = parse_grant(files.read(file, at_most=LARGEST))
    except FileNotFoundError:
        return False
    except MalformedDocument as error:
        raise HostError(f"{file}, which says who may talk to the fabric, cannot be used: {error}") from error
    current = boot_id(files)
    if grant.boot and current and grant.boot != current:
        return False  # of an earlier start of the machine, on a file system that keeps what is in /run
    if grant.holder in allowed:
        return True
    raise AlreadyRunning(
        f"this is an appliance, and the right to talk to the fabric is with {grant.holder.value} "
        f"({file}, epoch {grant.epoch}), not with {who}. limpet show tells how it stands; to run stages by hand, stop limpet appliance run first "
        f"and remove {file}."
    )
