"""PluginSettings of ExtensionsConfig: what each plugin is configured with. Source: wire-protocol.md §4.4."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import Dependency, ExtensionSettings, Wanted
from limpet.model.ids import SequenceNumber, Thumbprint
from limpet.model.secret import Secret
from limpet.wire import jsondoc, xml
from limpet.wire.names import problem_with_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.model.extensions import Handler

DOCUMENT = "PluginSettings"
_INTEGER = re.compile(r"\s*([+-]?[0-9]+)\s*\Z")
_LONGEST_INTEGER = 64


def refuse(problem: str) -> NoReturn:
    """Raise for one plugin's settings."""
    raise MalformedDocument(DOCUMENT, problem)


def settings_of(name: str, version: str, entries: Sequence[xml.Element]) -> tuple[ExtensionSettings, ...]:
    """The extensions of the plugin `name`, from every settings entry of that name; none where there is no entry.

    Raises: MalformedDocument, with the reason that becomes the handler's error.
    """
    for entry in entries:
        theirs = entry.attributes.get("version", "")
        if theirs != version:
            refuse(f"The settings of {name} are for version {theirs[:64]!r} instead of {version!r}.")
    if len(entries) > 1:
        refuse(f"{name} has {len(entries)} settings entries instead of one.")
    if not entries:
        return ()
    single = xml.children(entries[0], "RuntimeSettings")
    multi = xml.children(entries[0], "ExtensionRuntimeSettings")
    if single and multi:
        refuse(f"{name} has both RuntimeSettings and ExtensionRuntimeSettings.")
    levels = xml.children(entries[0], "DependsOn")
    if multi:
        return _multi_config(name, multi, levels)
    if len(single) > 1:
        refuse(f"{name} has {len(single)} RuntimeSettings instead of one.")
    if len(levels) > 1:
        refuse(f"{name} has {len(levels)} DependsOn instead of one.")
    level = levels[0] if levels else None
    return tuple(
        settings for element in single for settings in _settings(name, Wanted.ENABLED, element, level)
    )


def _multi_config(
    name: str, elements: Sequence[xml.Element], levels: Sequence[xml.Element]
) -> tuple[ExtensionSettings, ...]:
    by_extension: dict[str, xml.Element] = {}
    for level in levels:
        extension = level.attributes.get("name")
        if not extension:
            refuse(f"A DependsOn of {name} does not name its extension.")
        by_extension.setdefault(extension, level)
    found: dict[str, tuple[ExtensionSettings, ...]] = {}
    for element in elements:
        extension = element.attributes.get("name", "")
        if not extension:
            refuse(f"An ExtensionRuntimeSettings of {name} has no name.")
        if extension in found:
            refuse(f"{name} has several ExtensionRuntimeSettings called {extension[:64]!r}.")
        wanted, problem = extension_state(element.attributes.get("state", "enabled"), extension, name)
        found[extension] = tuple(
            replace(settings, invalid=problem)
            for settings in _settings(extension, wanted, element, by_extension.get(extension))
        )
    return tuple(settings for each in found.values() for settings in each)


def extension_state(word: str, extension: str, handler: str) -> tuple[Wanted, str | None]:
    """What a multi-config extension's state asks for, and what is wrong with it. Source: extensions.md §3.1."""
    if word.lower() in {"enabled", "disabled"}:
        return Wanted(word.lower()), None
    what = f"The extension {extension[:64]!r} of {handler[:64]} has an unknown state {word[:32]!r}."
    return Wanted.ENABLED, f"{what} Please retry with updated settings."


def _settings(
    name: str, wanted: Wanted, element: xml.Element, level: xml.Element | None
) -> tuple[ExtensionSettings, ...]:
    """One settings element: as many settings objects as its array has, which is nearly always one."""
    contents = _contents(element.text)
    number = _sequence_number(element.attributes.get("seqNo"), name)
    found = tuple(
        ExtensionSettings(
            name=name,
            sequence_number=number,
            public=content.public,
            protected=content.protected,
            thumbprint=content.thumbprint,
            wanted=wanted,
            dependency_level=dependency_level(xml.attribute(level, "dependencyLevel")),
            dependencies=tuple(
                Dependency(handler=on.attributes.get("handler", ""), extension=on.attributes.get("extension"))
                for on in xml.children(level, "DependsOnExtension")
            ),
            usable=contents is not None,
        )
        for content in ((_NOTHING,) if contents is None else contents)
    )
    for settings in found:
        problem = problem_with_settings(settings)
        if problem is not None:
            refuse(problem)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """What one settings object says."""

    public: Any = None
    protected: Secret[str] | None = None
    thumbprint: Thumbprint | None = None


_NOTHING = _Content()


def _contents(text: str) -> list[_Content] | None:
    """Every settings object of a settings element's JSON; None when it cannot be read."""
    try:
        root = jsondoc.an_object(jsondoc.parse_text(text, DOCUMENT), DOCUMENT)
        return [_content(entry) for entry in jsondoc.member(root, "runtimeSettings", list, DOCUMENT)]
    except MalformedDocument:
        return None


def _content(entry: Any) -> _Content:
    members = jsondoc.an_object(entry, DOCUMENT, "an entry of runtimeSettings")
    settings = jsondoc.member(members, "handlerSettings", dict, DOCUMENT)
    protected = jsondoc.member(settings, "protectedSettings", str, DOCUMENT, None)
    thumbprint = jsondoc.member(settings, "protectedSettingsCertThumbprint", str, DOCUMENT, None)
    return _Content(
        public=jsondoc.find(settings, "publicSettings"),
        protected=Secret(protected) if protected else None,
        thumbprint=Thumbprint(thumbprint.upper()) if thumbprint else None,
    )


def _sequence_number(text: str | None, name: str) -> SequenceNumber:
    number = _integer(text)
    if number is None:
        state = f"is {text[:32]!r} instead of a number" if text else "is missing"
        refuse(f"The sequence number of {name[:64]} {state}.")
    return SequenceNumber(number)


def dependency_level(text: object) -> int:
    """A dependency level; one that is missing, not a number or below 0 counts as 0."""
    return max(0, _integer(text) or 0)


def _integer(text: object) -> int | None:
    match = _INTEGER.match(str(text))
    return int(match.group(1)) if match and len(match.group(1)) <= _LONGEST_INTEGER else None


def render_plugin_settings(handler: Handler) -> str:
    """The settings entry of a handler, as `settings_of` reads it; empty for a handler without extensions."""
    if not handler.settings:
        return ""
    name, version = xml.escape_attribute(handler.name), xml.escape_attribute(handler.version)
    body = "".join(_render(settings, multi_config=handler.multi_config) for settings in handler.settings)
    return f'<Plugin name="{name}" version="{version}">{body}</Plugin>'


def _render(settings: ExtensionSettings, *, multi_config: bool) -> str:
    own = state = ""
    element = "RuntimeSettings"
    if multi_config:
        own = f' name="{xml.escape_attribute(settings.name)}"'
        state = f' state="{settings.wanted.value}"'
        element = "ExtensionRuntimeSettings"
    content = json.dumps({"runtimeSettings": [{"handlerSettings": handler_settings(settings)}]})
    return (
        f"{_render_level(settings, own)}"
        f'<{element} seqNo="{settings.sequence_number}"{own}{state}>'
        # Settings that cannot be used are written as what is not JSON: nothing.
        f"{xml.escape_text(content) if settings.usable else ''}</{element}>"
    )


def _render_level(settings: ExtensionSettings, own: str) -> str:
    if not settings.dependency_level and not settings.dependencies:
        return ""
    on = "".join(
        f'<DependsOnExtension handler="{xml.escape_attribute(each.handler)}"'
        + (f' extension="{xml.escape_attribute(each.extension)}"' if each.extension is not None else "")
        + " />"
        for each in settings.dependencies
    )
    return f'<DependsOn dependencyLevel="{settings.dependency_level}"{own}>{on}</DependsOn>'


def handler_settings(settings: ExtensionSettings) -> dict[str, Any]:
    """The members of one settings object; those that are absent are left out."""
    members: dict[str, Any] = {}
    if settings.public is not None:
        members["publicSettings"] = settings.public
    if settings.protected is not None:
        members["protectedSettings"] = settings.protected.reveal()
    if settings.thumbprint is not None:
        members["protectedSettingsCertThumbprint"] = settings.thumbprint
    return members
