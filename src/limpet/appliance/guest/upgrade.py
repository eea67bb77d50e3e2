"""Putting a new image of the guest shell in place: checked before, whole or not at all, and tried before it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.appliance.guest import images
from limpet.appliance.guest import slots as deciding
from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.slots import FILE, TREE, Image
from limpet.guest.appliance_profile import why_not
from limpet.host.reported import boot_id
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.guest.steps import Outcome, Task
    from limpet.host.apply import Interpreter
    from limpet.host.ports import Commands, Files

RECORD = ".json"
"""What was built has its record beside it, under its own name with this."""


def install(
    interpreter: Interpreter,
    source: Path,
    tell: Callable[[Outcome], None],
    *,
    store: Path = STORE,
    led: bool = True,
) -> tuple[str, Image]:
    """Put an image in the free slot and have it tried. Gives the slot and what is in it. Raises: HostError, with nothing changed.

    led: whether its agent is limpet's, which must be one that the supervisor can lead (R14).
    """
    files, commands = interpreter.files, interpreter.commands
    check_source(files, source)
    expected = _expected(files, commands, source)
    problem = why_not(expected.exchange) if led and expected is not None else None
    if problem is not None:
        raise HostError(f"{source} is not for this appliance: {problem}")
    whole = images.is_file_image(source) or images.is_archive(source)
    if whole and expected is not None and images.digest_of(commands, source) != expected.digest:
        raise HostError(f"{source} is not what {source.name}{RECORD} says: copy it anew")
    slots = images.read_slots(files, store=store)
    in_use = images.in_use(files, slots.free, store=store)
    if in_use is not None:
        raise HostError(in_use)
    files.make_folder(store, mode=0o700)
    files.make_folder(store / "images", mode=0o700)
    _check_room(files, source, store)
    try:
        _apply(interpreter, images.plan_place(source, slots, store=store), tell)
        image = _placed(interpreter, source, expected, store / "images" / slots.free)
    except HostError as error:
        _apply(interpreter, images.plan_removal(slots, str(error), store=store), tell)
        raise
    boot = boot_id(files) or "unknown"
    _apply(interpreter, images.plan_record(image, slots, boot, store=store), tell)
    return slots.free, image


def check_source(files: Files, source: Path) -> None:
    """Raises: HostError, where there is no image, or something that is none by its name."""
    info = files.info(source)
    if info is None:
        raise HostError(f"there is no {source}")
    if not info.is_file and not info.is_folder:
        raise HostError(f"{source} is neither a file nor a folder")
    if info.is_file and not images.is_file_image(source) and not images.is_archive(source):
        raise HostError(f"{source} is no image: its name ends neither in .squashfs nor as that of a tar")


def _expected(files: Files, commands: Commands, source: Path) -> Image | None:
    """What the record beside it says; None where there is none. Raises: HostError."""
    info = files.info(source)
    problem = None if info is None else images.unlike_an_image(files, commands, source, info)
    if problem is not None:
        raise HostError(problem)
    record = source.with_name(source.name + RECORD)
    try:
        return deciding.parse_image(files.read(record, at_most=deciding.LARGEST))
    except FileNotFoundError:
        return None
    except MalformedDocument as error:
        raise HostError(f"{record}: {error}") from error


def _check_room(files: Files, source: Path, store: Path) -> None:
    info = files.info(source)
    free = files.room(store / "images")
    if info is not None and info.is_file and info.size > free:
        raise HostError(f"{store} has {free} bytes left, {source} has {info.size}")


def _placed(interpreter: Interpreter, source: Path, expected: Image | None, folder: Path) -> Image:
    """What is in the slot now. Raises: HostError, when that is not what was to be put there."""
    files, commands = interpreter.files, interpreter.commands
    known = expected or Image(path=source, digest="0" * 64)
    if images.is_file_image(source):
        info = files.info(folder / FILE)
        digest = images.digest_of(commands, folder / FILE)
        placed = replace(known, path=folder / FILE, digest=digest, size=None if info is None else info.size)
    else:
        digest = images.digest_of(commands, folder / images.LIST)
        placed = replace(known, path=folder / TREE, digest=digest, size=None)
    if expected is not None and not images.is_archive(source) and digest != expected.digest:
        raise HostError(f"{source} was not copied whole: the disk may be failing")
    problem = images.glance(files, placed)
    if problem is not None:
        raise HostError(problem)
    return placed


def _apply(interpreter: Interpreter, tasks: tuple[Task, ...], tell: Callable[[Outcome], None]) -> None:
    failed = next((outcome for outcome in interpreter.apply(tasks, tell) if outcome.failed), None)
    if failed is not None:
        raise HostError(failed.describe())
