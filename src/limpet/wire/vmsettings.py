"""vmSettings, the host plugin's goal state. Source: wire-protocol.md §5.4. Member names count in any letter case."""

from __future__ import annotations

from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import (
    ZERO_GUID,
    AgentFamily,
    Channel,
    Dependency,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.ids import Etag, Thumbprint, Url
from limpet.model.secret import Secret
from limpet.wire import jsondoc
from limpet.wire.extensionsconfig import blob_type
from limpet.wire.jsondoc import an_object, find, member
from limpet.wire.names import fit_for_a_file, problem_with_name
from limpet.wire.pluginsettings import dependency_level, sequence_number
from limpet.wire.ticks import ticks_to_text

DOCUMENT = "vmSettings"
_Members = dict[str, Any]


def parse_vm_settings(body: bytes, etag: Etag) -> ExtensionsGoalState:
    """Read the document that came with `etag`. Raises: MalformedDocument, for the document as a whole."""
    root = an_object(jsondoc.parse(body, DOCUMENT), DOCUMENT)
    word = member(root, "extensionGoalStatesSource", str, DOCUMENT, "")
    return ExtensionsGoalState(
        id=f"etag_{etag}",
        channel=Channel.HOST_PLUGIN,
        source=next((source for source in Source if source.value == word), Source.UNKNOWN),
        created=ticks_to_text(
            member(root, "extensionsLastModifiedTickCount", (int, str, float), DOCUMENT, None)
        ),
        activity_id=member(root, "activityId", str, DOCUMENT, "") or ZERO_GUID,
        correlation_id=member(root, "correlationId", str, DOCUMENT, "") or ZERO_GUID,
        svd_sequence_number=member(root, "inSvdSeqNo", (int, str), DOCUMENT, ZERO_GUID),
        status_upload=_status_upload(member(root, "statusUploadBlob", dict, DOCUMENT, None)),
        on_hold=member(root, "onHold", bool, DOCUMENT, False),
        required_features=tuple(
            member(feature, "name", str, DOCUMENT) for feature in _objects(root, "requiredFeatures")
        ),
        families=tuple(_family(family) for family in _objects(root, "gaFamilies")),
        handlers=tuple(_handler(handler) for handler in _objects(root, "extensionGoalStates")),
        host_plugin_version=member(root, "hostGAPluginVersion", str, DOCUMENT, None),
        schema_version=member(root, "vmSettingsSchemaVersion", str, DOCUMENT, None),
        certificates_revision=member(root, "certificatesRevision", int, DOCUMENT, None),
        vm_metadata={
            key: value
            for key, value in member(root, "inVMMetadata", dict, DOCUMENT, {}).items()
            if isinstance(value, str)
        },
    )


def _objects(members: _Members, name: str) -> list[_Members]:
    return [
        an_object(entry, DOCUMENT, f"an entry of {name}")
        for entry in member(members, name, list, DOCUMENT, [])
    ]


def _status_upload(members: _Members | None) -> StatusUpload | None:
    if members is None:
        return None
    url = member(members, "value", str, DOCUMENT)
    return StatusUpload(
        url=Secret(Url(url)), blob_type=blob_type(member(members, "statusBlobType", str, DOCUMENT, None))
    )


def _family(members: _Members) -> AgentFamily:
    return AgentFamily(
        name=member(members, "name", str, DOCUMENT),
        version=member(members, "version", str, DOCUMENT, None),
        from_version=member(members, "fromVersion", str, DOCUMENT, None),
        is_version_from_rsm=member(members, "isVersionFromRSM", bool, DOCUMENT, None),
        is_vm_enabled_for_rsm_upgrades=member(members, "isVMEnabledForRSMUpgrades", bool, DOCUMENT, None),
        uris=_urls(member(members, "uris", list, DOCUMENT, []), "uris"),
    )


def _urls(values: list[Any], name: str) -> tuple[Url, ...]:
    if not all(isinstance(value, str) for value in values):
        raise MalformedDocument(DOCUMENT, f"an entry of {name} is not text")
    return tuple(Url(value) for value in values if value)


def _wanted(word: str, allowed: tuple[Wanted, ...], name: str) -> Wanted:
    for wanted in allowed:
        if wanted.value == word.lower():
            return wanted
    raise MalformedDocument(DOCUMENT, f"{name[:64]} has an unknown state {word[:32]!r}")


def _handler(members: _Members) -> Handler:
    name, version = member(members, "name", str, DOCUMENT), member(members, "version", str, DOCUMENT)
    multi_config = member(members, "isMultiConfig", bool, DOCUMENT, False)
    locations = [
        member(members, "location", str, DOCUMENT, None),
        member(members, "failoverLocation", str, DOCUMENT, None),
        *_urls(member(members, "additionalLocations", list, DOCUMENT, []), "additionalLocations"),
    ]
    entries = _objects(members, "settings")
    if not multi_config and len(entries) > 1:
        raise MalformedDocument(DOCUMENT, f"{name[:64]} has {len(entries)} settings instead of one")
    names = _extension_names(entries, name, multi_config=multi_config)
    levels = _levels(members, name, names, multi_config=multi_config)
    return Handler(
        name=name,
        version=version,
        wanted=_wanted(member(members, "state", str, DOCUMENT), tuple(Wanted), name),
        manifest_uris=tuple(Url(location) for location in dict.fromkeys(locations) if location),
        settings=tuple(
            _settings(entry, members, own, levels, multi_config=multi_config)
            for entry, own in zip(entries, names, strict=True)
        ),
        multi_config=multi_config,
        encoded_signature=member(members, "encodedSignature", str, DOCUMENT, ""),
        invalid=problem_with_name(name, version)
        or _problem_with_extensions(name, names, multi_config=multi_config),
        auto_upgrade=member(members, "autoUpgrade", bool, DOCUMENT, None),
        use_exact_version=member(members, "useExactVersion", bool, DOCUMENT, None),
        run_as_startup_task=member(members, "runAsStartupTask", bool, DOCUMENT, None),
        is_json=member(members, "isJson", bool, DOCUMENT, None),
    )


def _extension_names(entries: list[_Members], handler: str, *, multi_config: bool) -> list[str]:
    if not multi_config:
        return [handler] * len(entries)
    return [member(entry, "extensionName", str, DOCUMENT) for entry in entries]


def _problem_with_extensions(handler: str, names: list[str], *, multi_config: bool) -> str | None:
    if not multi_config:
        return None
    for name in names:
        if not fit_for_a_file(name):
            return f"{handler} has an extension called {name[:64]!r}, which cannot be part of a file name."
        if names.count(name) > 1:
            return f"{handler} has several extensions called {name!r}."
    return None


def _levels(
    members: _Members, handler: str, names: list[str], *, multi_config: bool
) -> dict[str, tuple[int, tuple[Dependency, ...]]]:
    """Level and dependencies by the extension's name."""
    found: dict[str, tuple[int, tuple[Dependency, ...]]] = {}
    entries = _objects(members, "dependsOn")
    if not multi_config and len(entries) > 1:
        raise MalformedDocument(DOCUMENT, f"{handler[:64]} has {len(entries)} dependsOn instead of one")
    for entry in entries:
        name = member(entry, "name", str, DOCUMENT) if multi_config else handler
        if multi_config and name not in names:
            raise MalformedDocument(DOCUMENT, f"a dependsOn of {handler[:64]} names no extension of it")
        on = tuple(
            Dependency(
                handler=member(each, "handler", str, DOCUMENT, ""),
                extension=member(each, "extension", str, DOCUMENT, None),
            )
            for each in _objects(entry, "dependsOnExtension")
        )
        found[name] = (dependency_level(find(entry, "dependencyLevel")), on)
    return found


def _settings(
    entry: _Members,
    handler: _Members,
    name: str,
    levels: dict[str, tuple[int, tuple[Dependency, ...]]],
    *,
    multi_config: bool,
) -> ExtensionSettings:
    number = (
        member(entry, "seqNo", int, DOCUMENT)
        if multi_config
        else member(handler, "settingsSeqNo", int, DOCUMENT)
    )
    word = member(entry, "extensionState", str, DOCUMENT) if multi_config else Wanted.ENABLED.value
    protected = member(entry, "protectedSettings", str, DOCUMENT, None)
    thumbprint = member(entry, "protectedSettingsCertThumbprint", str, DOCUMENT, None)
    if protected and not thumbprint:
        raise MalformedDocument(DOCUMENT, f"the protected settings of {name[:64]} come without a thumbprint")
    public = member(entry, "publicSettings", str, DOCUMENT, None)
    level, on = levels.get(name, (0, ()))
    return ExtensionSettings(
        name=name,
        sequence_number=sequence_number(number, name),
        public=jsondoc.parse_text(public, f"{DOCUMENT}, public settings of {name[:64]}") if public else None,
        protected=Secret(protected) if protected else None,
        thumbprint=Thumbprint(thumbprint) if thumbprint else None,
        wanted=_wanted(word, (Wanted.ENABLED, Wanted.DISABLED), name),
        dependency_level=level,
        dependencies=on,
    )
