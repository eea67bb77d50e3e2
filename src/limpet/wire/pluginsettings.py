"""PluginSettings of ExtensionsConfig: what each plugin is configured with. Source: wire-protocol.md §4.4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import Dependency, ExtensionSettings, Wanted
from limpet.model.ids import SequenceNumber, Thumbprint
from limpet.model.secret import Secret
from limpet.wire import jsondoc, xml
from limpet.wire.names import fit_for_a_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.model.extensions import Handler

DOCUMENT = "PluginSettings"
LARGEST_SEQUENCE_NUMBER = 2**31 - 1


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
            refuse(f"The settings of {name} are for version {theirs[:64]!r} instead of {version!r}")
    if len(entries) > 1:
        refuse(f"{name} has {len(entries)} settings entries instead of one")
    if not entries:
        return ()
    single = xml.children(entries[0], "RuntimeSettings")
    multi = xml.children(entries[0], "ExtensionRuntimeSettings")
    if single and multi:
        refuse(f"{name} has both RuntimeSettings and ExtensionRuntimeSettings")
    levels = xml.children(entries[0], "DependsOn")
    if multi:
        return _multi_config(name, multi, levels)
    if len(single) > 1:
        refuse(f"{name} has {len(single)} RuntimeSettings instead of one")
    if len(levels) > 1:
        refuse(f"{name} has {len(levels)} DependsOn instead of one")
    return tuple(_settings(name, element, levels[0] if levels else None) for element in single)


def _multi_config(
    name: str, elements: Sequence[xml.Element], levels: Sequence[xml.Element]
) -> tuple[ExtensionSettings, ...]:
    by_extension: dict[str, xml.Element] = {}
    for level in levels:
        extension = level.attributes.get("name")
        if not extension:
            refuse(f"a DependsOn of {name} does not name its extension")
        if extension in by_extension:
            refuse(f"{name} has several DependsOn for {extension[:64]!r}")
        by_extension[extension] = level
    found: list[ExtensionSettings] = []
    for element in elements:
        extension = element.attributes.get("name", "")
        if not extension:
            refuse(f"an ExtensionRuntimeSettings of {name} has no name")
        if not fit_for_a_file(extension):
            refuse(f"{name} has an extension called {extension[:64]!r}, which cannot be part of a file name")
        if any(extension == settings.name for settings in found):
            refuse(f"{name} has several ExtensionRuntimeSettings called {extension!r}")
        found.append(_settings(extension, element, by_extension.get(extension)))
    return tuple(found)


def _settings(name: str, element: xml.Element, level: xml.Element | None) -> ExtensionSettings:
    number = sequence_number(element.attributes.get("seqNo"), name)
    word = element.attributes.get("state", "enabled").lower()
    if word not in {"enabled", "disabled"}:
        refuse(f"{name} has an unknown state {word[:32]!r}")
    public, protected, thumbprint, usable = _content(element.text)
    return ExtensionSettings(
        name=name,
        sequence_number=number,
        public=public,
        protected=protected,
        thumbprint=thumbprint,
        wanted=Wanted(word),
        dependency_level=dependency_level(xml.attribute(level, "dependencyLevel")),
        dependencies=tuple(
            Dependency(handler=on.attributes.get("handler", ""), extension=on.attributes.get("extension"))
            for on in xml.children(level, "DependsOnExtension")
        ),
        usable=usable,
    )


def sequence_number(text: str | int | None, name: str) -> SequenceNumber:
    """A sequence number; mandatory. Raises: MalformedDocument."""
    try:
        number = int(str(text)[:20])
    except ValueError:
        refuse(f"the sequence number of {name} is {str(text)[:20]!r} instead of a number")
    if not 0 <= number <= LARGEST_SEQUENCE_NUMBER:
        refuse(f"the sequence number of {name} is {number}, outside 0 to {LARGEST_SEQUENCE_NUMBER}")
    return SequenceNumber(number)


def dependency_level(text: str | int | None) -> int:
    """A dependency level; unparsable or missing counts as 0."""
    try:
        return max(0, min(int(str(text)[:10]), 1000))
    except ValueError:
        return 0


def _content(text: str) -> tuple[Any, Secret[str] | None, Thumbprint | None, bool]:
    """(public, protected, thumbprint, usable) of a settings element's JSON."""
    try:
        root = jsondoc.an_object(jsondoc.parse_text(text, DOCUMENT), DOCUMENT)
        entries = jsondoc.member(root, "runtimeSettings", list, DOCUMENT)
        if not entries:
            return None, None, None, True
        first = jsondoc.an_object(entries[0], DOCUMENT, "runtimeSettings[0]")
        settings = jsondoc.member(first, "handlerSettings", dict, DOCUMENT)
        protected = jsondoc.member(settings, "protectedSettings", str, DOCUMENT, None)
        thumbprint = jsondoc.member(settings, "protectedSettingsCertThumbprint", str, DOCUMENT, None)
    except MalformedDocument:
        return None, None, None, False
    return (
        jsondoc.find(settings, "publicSettings"),
        Secret(protected) if protected else None,
        Thumbprint(thumbprint) if thumbprint else None,
        True,
    )


def render_plugin_settings(handler: Handler) -> str:
    """The settings entry of a handler, as `settings_of` reads it; empty for a handler without extensions."""
    if not handler.settings:
        return ""
    name, version = xml.escape_attribute(handler.name), xml.escape_attribute(handler.version)
    body = "".join(_render(settings, multi_config=handler.multi_config) for settings in handler.settings)
    return f'<Plugin name="{name}" version="{version}">{body}</Plugin>'


def _render(settings: ExtensionSettings, *, multi_config: bool) -> str:
    extension = xml.escape_attribute(settings.name)
    own = f' name="{extension}"' if multi_config else ""
    state = f' state="{settings.wanted.value}"' if multi_config else ""
    element = "ExtensionRuntimeSettings" if multi_config else "RuntimeSettings"
    content = json.dumps({"runtimeSettings": [{"handlerSettings": handler_settings(settings)}]})
    return (
        f"{_render_level(settings, own)}"
        f'<{element} seqNo="{settings.sequence_number}"{own}{state}>{xml.escape_text(content)}</{element}>'
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
