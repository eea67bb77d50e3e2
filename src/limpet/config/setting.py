"""One row of the table of settings: name, kind, default, what it is for; and how a dataclass field becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from limpet.config.kinds import Kind

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One row of the table. attribute: its name in `Config`. waagent: its key in waagent.conf, if that has one."""

    name: str
    attribute: str
    kind: Kind[Any]
    default: Any
    help: str
    waagent: str | None


def setting(name: str, kind: Kind[T], default: T, purpose: str, waagent: str | None = None) -> T:
    """A field that is a setting."""
    return field(default=default, metadata={"name": name, "kind": kind, "help": purpose, "waagent": waagent})
