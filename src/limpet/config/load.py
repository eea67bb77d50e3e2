"""Reading the configuration.

An option wins over limpet.toml, that over waagent.conf, that over the default. limpet.toml and options are ours: what
is wrong in them stops the start. waagent.conf was written for another agent: what is wrong in it is noted, and the
default holds. Decision: docs/decisions/0004-settings.md.
"""

from __future__ import annotations

from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.config import toml, waagent
from limpet.config.entry import Entry, unknown
from limpet.config.settings import SETTINGS, Config, shown
from limpet.config.waagent import NOT_USED
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from limpet.host.ports import Files

__all__ = ["DEFAULT_PATH", "Config", "accepted", "honoured", "load_config"]

DEFAULT_PATH = Path("/etc/limpet.toml")

_BY_WAAGENT_KEY = {row.waagent: row for row in SETTINGS.values() if row.waagent is not None}
_WAAGENT_KEYS = (*_BY_WAAGENT_KEY, *NOT_USED)


def load_config(files: Files, *, path: Path | None = None, options: Sequence[str] = ()) -> Config:
    """Read every source there is.

    path: instead of /etc/limpet.toml; it must exist. options: ``name=value`` each.
    Raises: ConfigurationError, with file and line and what is wrong there.
    """
    written = [
        *toml.read(files, path or DEFAULT_PATH, required=path is not None),
        *map(_option, options),
    ]
    ours = {entry.name: entry for entry in map(accepted, written)}
    conf = ours.get("agent.waagent_conf")
    theirs = waagent.read(files, Config().waagent_conf if conf is None else conf.value)
    values, notes, unused = honoured(theirs)
    values |= ours
    found = Config(
        **{SETTINGS[name].attribute: entry.value for name, entry in values.items()},
        origins={name: entry.origin for name, entry in values.items()},
        notes=tuple(notes),
        unused=tuple(unused),
    )
    _agrees(found)
    return found


def _agrees(config: Config) -> None:
    """Raises: ConfigurationError, for settings that cannot be used together."""
    outer, inner = IPv4Interface(config.guest_gateway), IPv4Interface(config.guest_address)
    if outer.network != inner.network or outer.ip == inner.ip:
        raise ConfigurationError(
            f"guest_shell.gateway ({outer}) and guest_shell.address ({inner}) must be two addresses of one network"
        )


def _option(text: str) -> Entry[Any]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise ConfigurationError(f"option {text!r}: write NAME=VALUE, such as goal_state.period=6")
    row = SETTINGS.get(name)
    return Entry(name=name, value=value if row is None else row.kind.decode(value), origin="option")


def accepted(entry: Entry[Any]) -> Entry[Any]:
    """An entry of ours with the value in use. Raises: ConfigurationError, when it cannot be used."""
    row = SETTINGS.get(entry.name)
    if row is None:
        raise ConfigurationError(f"{entry.origin}: {unknown('setting', entry.name, SETTINGS)}")
    try:
        return Entry(name=entry.name, value=row.kind.read(entry.value), origin=entry.origin)
    except ValueError as error:
        raise ConfigurationError(f"{entry.origin}: {entry.name} {error}") from error


def honoured(entries: Iterable[Entry[str | None]]) -> tuple[dict[str, Entry[Any]], list[str], list[str]]:
    """What waagent.conf says: values by our names, what is wrong in it, and which of its keys have no effect here."""
    values: dict[str, Entry[Any]] = {}
    notes, unused = [], []
    for entry in entries:
        row = _BY_WAAGENT_KEY.get(entry.name)
        if row is None and entry.name in NOT_USED:
            unused.append(f"{entry.origin}: {entry.name} has no effect: {NOT_USED[entry.name]}")
        elif row is None:
            notes.append(f"{entry.origin}: {unknown('key', entry.name, _WAAGENT_KEYS)}")
        elif entry.value is None:
            if row.kind.optional:
                values[row.name] = Entry(name=row.name, value=None, origin=entry.origin)
        else:
            try:
                value = row.kind.read(row.kind.decode(entry.value))
            except ValueError as error:
                value = row.kind.otherwise if entry.value else None
                stays = f"it stays {shown(row.default)}" if value is None else f"it counts as {shown(value)}"
                notes.append(f"{entry.origin}: {entry.name} {error}; {stays}")
                if value is None:
                    continue
            values[row.name] = Entry(name=row.name, value=value, origin=entry.origin)
    return values, notes, unused
