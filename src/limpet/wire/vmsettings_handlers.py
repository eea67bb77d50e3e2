"""The handlers of vmSettings and their settings. Source: wire-protocol.md §5.4.

What breaks a rule of the document rejects the whole of it, as the source says; names and numbers that are only unfit
for files here stay with their handler.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import Dependency, ExtensionSettings, Handler, Source, Wanted
from limpet.model.ids import SequenceNumber, Thumbprint
from limpet.model.secret import Secret
from limpet.wire import jsondoc
from limpet.wire.jsondoc import an_object, find, member
from limpet.wire.names import locations, problem_with_name, problem_with_settings
from limpet.wire.pluginsettings import dependency_level, extension_state

DOCUMENT = "vmSettings"
Members = dict[str, Any]
T = TypeVar("T")


def objects(members: Members, name: str) -> list[Members]:
    """An array of objects; empty where it is absent. Raises: MalformedDocument."""
    return [
        an_object(entry, DOCUMENT, f"an entry of {name}")
        for entry in member(members, name, list, DOCUMENT, [])
    ]


def texts(members: Members, name: str) -> list[str]:
    """An array of texts; empty where it is absent. Raises: MalformedDocument."""
    values = member(members, name, list, DOCUMENT, [])
    if not all(isinstance(value, str) for value in values):
        raise MalformedDocument(DOCUMENT, f"an entry of {name} is not text")
    return list(values)


def informal(members: Members, name: str, kind: type[T]) -> T | None:
    """A member that nothing depends on: None where it is absent or of another type."""
    value = find(members, name)
    return value if type(value) is kind else None


def parse_handler(members: Members, source: Source) -> Handler:
    """One entry of extensionGoalStates. Raises: MalformedDocument, for the document as a whole."""
    name, version = member(members, "name", str, DOCUMENT), member(members, "version", str, DOCUMENT)
    multi_config = member(members, "isMultiConfig", bool, DOCUMENT, False)
    settings = _multi_config(members, name, source) if multi_config else _single(members, name, source)
    problem = problem_with_name(name, version)
    for each in settings:
        problem = problem or problem_with_settings(each)
    if len({each.name for each in settings}) < len(settings):
        problem = problem or f"The goal state has several extensions of {name} with one name."
    return Handler(
        name=name,
        version=version,
        wanted=_wanted(member(members, "state", str, DOCUMENT), name),
        manifest_uris=locations(
            [
                member(members, "location", str, DOCUMENT, None),
                member(members, "failoverLocation", str, DOCUMENT, None),
                *texts(members, "additionalLocations"),
            ]
        ),
        settings=settings if problem is None else (),
        multi_config=multi_config,
        encoded_signature=member(members, "encodedSignature", str, DOCUMENT, ""),
        invalid=problem,
        auto_upgrade=informal(members, "autoUpgrade", bool),
        use_exact_version=informal(members, "useExactVersion", bool),
        run_as_startup_task=informal(members, "runAsStartupTask", bool),
        is_json=informal(members, "isJson", bool),
    )


def _wanted(word: str, name: str) -> Wanted:
    for wanted in Wanted:
        if wanted.value == word.lower():
            return wanted
    raise MalformedDocument(DOCUMENT, f"{name[:64]} has an unknown state {word[:32]!r}")


def _single(handler: Members, name: str, source: Source) -> tuple[ExtensionSettings, ...]:
    entries, levels = objects(handler, "settings"), objects(handler, "dependsOn")
    if len(entries) > 1:
        raise MalformedDocument(DOCUMENT, f"{name[:64]} has {len(entries)} settings instead of one")
    if len(levels) > 1:
        raise MalformedDocument(DOCUMENT, f"{name[:64]} has {len(levels)} dependsOn instead of one")
    return tuple(
        _settings(
            entry,
            levels[0] if levels else {},
            source,
            name=name,
            number=member(handler, "settingsSeqNo", int, DOCUMENT),
            wanted=Wanted.ENABLED,
        )
        for entry in entries
    )


def _multi_config(handler: Members, name: str, source: Source) -> tuple[ExtensionSettings, ...]:
    by_extension: dict[str, Members] = {}
    for level in objects(handler, "dependsOn"):
        by_extension.setdefault(member(level, "name", str, DOCUMENT), level)
    entries = [
        (member(entry, "extensionName", str, DOCUMENT), entry) for entry in objects(handler, "settings")
    ]
    unknown = by_extension.keys() - {extension for extension, _ in entries}
    if unknown:
        raise MalformedDocument(
            DOCUMENT, f"a dependsOn of {name[:64]} is for {min(unknown)[:64]!r}, which is no extension of it"
        )
    found = []
    for extension, entry in entries:
        wanted, problem = extension_state(member(entry, "extensionState", str, DOCUMENT), extension, name)
        number = member(entry, "seqNo", int, DOCUMENT)
        settings = _settings(
            entry, by_extension.get(extension, {}), source, name=extension, number=number, wanted=wanted
        )
        found.append(replace(settings, invalid=problem))
    return tuple(found)


def _settings(
    entry: Members, level: Members, source: Source, *, name: str, number: int, wanted: Wanted
) -> ExtensionSettings:
    public = member(entry, "publicSettings", str, DOCUMENT, None)
    protected = member(entry, "protectedSettings", str, DOCUMENT, None)
    thumbprint = member(entry, "protectedSettingsCertThumbprint", str, DOCUMENT, None)
    # Fabric's own are not used, only announced: their certificates come with the wire server's goal state.
    if protected and not thumbprint and source is not Source.FABRIC:
        raise MalformedDocument(DOCUMENT, f"the protected settings of {name[:64]} come without a thumbprint")
    return ExtensionSettings(
        name=name,
        sequence_number=SequenceNumber(number),
        public=None if public is None else jsondoc.parse_text(public, f"{DOCUMENT}, settings of {name[:64]}"),
        protected=Secret(protected) if protected else None,
        thumbprint=Thumbprint(thumbprint.upper()) if thumbprint else None,
        wanted=wanted,
        dependency_level=dependency_level(find(level, "dependencyLevel")),
        dependencies=tuple(
            Dependency(
                handler=member(on, "handler", str, DOCUMENT, ""),
                extension=member(on, "extension", str, DOCUMENT, None),
            )
            for on in objects(level, "dependsOnExtension")
        ),
    )
