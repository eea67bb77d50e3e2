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
    """The content of a configuration file; None where there is none. Raises: ConfigurationError."""
    try:
        return files.read(path, at_most=LARGEST_FILE)
    except FileNotFoundError:
        return None
    except HostError as error:
        raise ConfigurationError(str(error)) from error
