"""One line of a configuration, and how to find the one that was meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from limpet.host.ports import Files

T = TypeVar("T")

LARGEST_FILE = 64 * 1024
_LONGEST_SHOWN = 80
_MOST_LINKS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry(Generic[T]):
    """A name and its value as written. origin: where, such as ``/etc/limpet.toml, line 3``."""

    name: str
    value: T
    origin: str


def unknown(what: str, name: str, names: Iterable[str]) -> str:
    """A sentence about a name that is not one of `names`, with the one that was probably meant, if any."""
    import difflib  # noqa: PLC0415 - only for people's typing slips; the resident agent does not carry it

    name = name[:_LONGEST_SHOWN]
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"there is no {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def content(files: Files, path: Path) -> bytes | None:
    """The content of a configuration file, wherever it leads; None where there is none. Raises: ConfigurationError.

    Whoever may put a link in its place may as well write it, and images that are built from a store have nothing else.
    """
    place = path
    for _ in range(_MOST_LINKS):
        try:
            return files.read(place, at_most=LARGEST_FILE)
        except FileNotFoundError:
            return None
        except HostError as error:
            target = _target(files, place)
            if target is None:
                raise ConfigurationError(str(error)) from error
            place = place.parent / target
    raise ConfigurationError(f"{path} leads from link to link, {_MOST_LINKS} times")


def _target(files: Files, path: Path) -> Path | None:
    try:
        return files.target(path)
    except HostError:
        return None
