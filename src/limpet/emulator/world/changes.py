"""What a person wants changed about a VM's extensions, and the plan that results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from limpet.model.extensions import Dependency, ExtensionSettings, Handler, Wanted
from limpet.model.ids import SequenceNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.world.vm import Plan
    from limpet.model.ids import Thumbprint, Url
    from limpet.model.secret import Secret


class ChangeRefused(ValueError):
    """The change makes no sense for this VM; the message says what to do instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSettings:
    """Settings that replace the earlier ones as a whole. protected: base64 CMS text for `thumbprint`."""

    public: Any = None
    protected: Secret[str] | None = None
    thumbprint: Thumbprint | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One handler, or one extension of a multi-config handler, and what is wanted of it from now on.

    version: None keeps the present one, or takes the newest that is hosted. settings: None keeps the present ones.
    bare: the handler shall have no settings at all. sequence: None counts on by one when the extension is enabled.
    dependency_level, depends_on, signature: None keeps what is there. manifest_uris: empty means the hosted manifest.
    """

    handler: str
    version: str | None = None
    wanted: Wanted = Wanted.ENABLED
    extension: str | None = None
    settings: NewSettings | None = None
    bare: bool = False
    sequence: int | None = None
    dependency_level: int | None = None
    depends_on: tuple[Dependency, ...] | None = None
    manifest_uris: tuple[Url, ...] = ()
    signature: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosted:
    """What the blob store offers of a handler. newest: its highest version."""

    manifest: Url
    newest: str


def changed(plan: Plan, change: Change, hosted: Callable[[str], Hosted | None], now: float) -> Plan:
    """The plan after `change`. hosted: looks a handler's packages up by its name. Raises: ChangeRefused."""
    present = find(plan, change.handler)
    offer = hosted(change.handler)
    if present is None and change.wanted is Wanted.UNINSTALL:
        raise ChangeRefused(f"{change.handler} cannot be uninstalled: no goal state of this VM names it")
    version = change.version or (present.version if present else None) or (offer.newest if offer else None)
    uris = (
        change.manifest_uris
        or (present.manifest_uris if present else ())
        or ((offer.manifest,) if offer else ())
    )
    if version is None or not uris:
        raise ChangeRefused(
            f"{change.handler} has no package here: upload one first, or give its version and manifestUris"
        )
    handler = replace(
        present or Handler(name=change.handler, version=version, wanted=Wanted.ENABLED),
        version=version,
        manifest_uris=uris,
        multi_config=_multi_config(present, change),
        wanted=Wanted.ENABLED if change.extension else change.wanted,
    )
    if change.signature is not None:
        handler = replace(handler, encoded_signature=change.signature)
    handler = replace(handler, settings=_settings(handler, change))
    return _with_handler(plan, handler, now)


def find(plan: Plan, name: str) -> Handler | None:
    """The handler called `name`, in any case. Source: wire-protocol.md §4.4."""
    return next((handler for handler in plan.handlers if handler.name.lower() == name.lower()), None)


def settled(plan: Plan, reported: frozenset[str], at: float) -> Plan:
    """The plan without handlers that left: a report of time `at` names only `reported` (lower case)."""
    gone = {name for name, since in plan.leaving.items() if at > since and name not in reported}
    return replace(
        plan,
        handlers=tuple(handler for handler in plan.handlers if handler.name.lower() not in gone),
        leaving={name: since for name, since in plan.leaving.items() if name not in gone},
    )


def _multi_config(present: Handler | None, change: Change) -> bool:
    if change.extension is None:
        if present and present.multi_config and change.settings is not None:
            raise ChangeRefused(f"{change.handler} has several extensions: say which one by its name")
        return bool(present and present.multi_config)
    if change.wanted is Wanted.UNINSTALL:
        raise ChangeRefused(
            f"extension {change.extension} of {change.handler} can be disabled; only a handler is uninstalled"
        )
    if present and present.settings and not present.multi_config:
        raise ChangeRefused(
            f"{change.handler} is in use with a single configuration: it has no named extensions"
        )
    return True


def _settings(handler: Handler, change: Change) -> tuple[ExtensionSettings, ...]:
    if change.bare:
        return ()
    if handler.multi_config and change.extension is None:
        return handler.settings
    name = change.extension or handler.name
    old = next((settings for settings in handler.settings if settings.name == name), None)
    if old is None and change.wanted is not Wanted.ENABLED and change.settings is None:
        return handler.settings
    new = _settings_after(name, old, change)
    if old is None:
        return (*handler.settings, new)
    return tuple(new if settings is old else settings for settings in handler.settings)


def _settings_after(name: str, old: ExtensionSettings | None, change: Change) -> ExtensionSettings:
    new = old or ExtensionSettings(name=name, sequence_number=SequenceNumber(0), public={})
    if change.sequence is not None:
        new = replace(new, sequence_number=SequenceNumber(change.sequence))
    elif old is not None and change.wanted is Wanted.ENABLED:
        new = replace(new, sequence_number=SequenceNumber(old.sequence_number + 1))
    if change.settings is not None:
        given = change.settings
        new = replace(new, public=given.public, protected=given.protected, thumbprint=given.thumbprint)
    if change.dependency_level is not None:
        new = replace(new, dependency_level=change.dependency_level)
    if change.depends_on is not None:
        new = replace(new, dependencies=change.depends_on)
    return replace(new, wanted=change.wanted) if change.extension else new


def _with_handler(plan: Plan, handler: Handler, now: float) -> Plan:
    present = find(plan, handler.name)
    handlers = (
        tuple(handler if other is present else other for other in plan.handlers)
        if present
        else (*plan.handlers, handler)
    )
    key = handler.name.lower()
    leaving = {name: since for name, since in plan.leaving.items() if name != key}
    if handler.wanted is Wanted.UNINSTALL:
        leaving[key] = plan.leaving.get(key, now)
    return replace(plan, handlers=handlers, leaving=leaving)
