"""ExtensionsConfig, the Fabric channel's extensions. Source: wire-protocol.md §4.

Problems of one plugin stay with that plugin, so that they are reported as its status and its siblings go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import (
    ZERO_GUID,
    AgentFamily,
    BlobType,
    Channel,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.ids import Incarnation, Url
from limpet.model.secret import Secret
from limpet.wire import xml
from limpet.wire.names import fit_for_a_request, locations, problem_with_name
from limpet.wire.pluginsettings import render_plugin_settings, settings_of
from limpet.wire.ticks import ticks_to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = "ExtensionsConfig"


def parse_extensions_config(body: bytes, incarnation: Incarnation) -> ExtensionsGoalState:
    """Read the document that a goal state of `incarnation` locates. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root="Extensions")
    metadata = xml.first(root, "InVMGoalStateMetaData")
    profile = xml.optional(root, "InVMArtifactsProfileBlob")
    features = xml.children(xml.first(root, "RequiredFeatures"), "RequiredFeature")
    return ExtensionsGoalState(
        id=f"incarnation_{incarnation}",
        channel=Channel.WIRE_SERVER,
        source=Source.FABRIC,
        created=ticks_to_text(xml.attribute(metadata, "createdOnTicks")),
        activity_id=xml.attribute(metadata, "activityId") or ZERO_GUID,
        correlation_id=xml.attribute(metadata, "correlationId") or ZERO_GUID,
        svd_sequence_number=incarnation,
        status_upload=_status_upload(xml.first(root, "StatusUploadBlob")),
        artifacts_profile=Secret(Url(profile)) if profile and fit_for_a_request(profile) else None,
        required_features=tuple(xml.required(feature, "Name", DOCUMENT) for feature in features),
        families=tuple(
            family
            for element in xml.children(xml.first(root, "GAFamilies"), "GAFamily")
            if (family := _family(element)) is not None
        ),
        handlers=_handlers(root),
    )


def _status_upload(element: xml.Element | None) -> StatusUpload | None:
    url = xml.text(element)
    if not url:
        return None
    if not fit_for_a_request(url):
        raise MalformedDocument(DOCUMENT, "element StatusUploadBlob is not an http or https URL")
    return StatusUpload(url=Secret(Url(url)), blob_type=blob_type(xml.attribute(element, "statusBlobType")))


def blob_type(word: str | None) -> BlobType:
    """The kind of blob a word names; what is missing or unknown is a block blob. Source: wire-protocol.md §4.2."""
    return next((kind for kind in BlobType if kind.value == word), BlobType.BLOCK)


def _family(family: xml.Element) -> AgentFamily | None:
    name = xml.optional(family, "Name")
    if name is None:
        return None  # nobody can ask for it
    return AgentFamily(
        name=name,
        version=xml.optional(family, "Version"),
        from_version=xml.optional(family, "FromVersion"),
        is_version_from_rsm=said(xml.optional(family, "IsVersionFromRSM")),
        is_vm_enabled_for_rsm_upgrades=said(xml.optional(family, "IsVMEnabledForRSMUpgrades")),
        uris=locations(map(xml.text, xml.children(xml.first(family, "Uris"), "Uri"))),
    )


def said(word: str | None) -> bool | None:
    """A boolean of three states: true, false, not said. Source: wire-protocol.md §4.2."""
    return word.lower() == "true" if word else None


def _handlers(root: xml.Element) -> tuple[Handler, ...]:
    settings: dict[str, list[xml.Element]] = {}
    for entry in xml.children(xml.first(root, "PluginSettings"), "Plugin"):
        settings.setdefault(entry.attributes.get("name", "").lower(), []).append(entry)
    return tuple(
        _handler(plugin, settings.get(plugin.attributes.get("name", "").lower(), []))
        for plugin in xml.children(xml.first(root, "Plugins"), "Plugin")
    )


def _handler(plugin: xml.Element, mine: Sequence[xml.Element]) -> Handler:
    name, version = plugin.attributes.get("name", ""), plugin.attributes.get("version", "")
    problem = problem_with_name(name, version)
    settings: tuple[ExtensionSettings, ...] = ()
    try:
        settings = settings_of(name, version, mine) if problem is None else ()
    except MalformedDocument as error:
        problem = f"{error.problem} Please retry with updated settings."
    word = plugin.attributes.get("state", "")
    wanted = next((wanted for wanted in Wanted if wanted.value == word.lower()), None)
    if wanted is None:
        what = f"an unknown state {word[:32]!r}" if word else "no state"
        problem = problem or f"The goal state gives {name} {what}. Please retry with updated settings."
    return Handler(
        name=name,
        version=version,
        wanted=wanted or Wanted.ENABLED,
        manifest_uris=_locations(plugin),
        settings=settings,
        multi_config=any(xml.children(entry, "ExtensionRuntimeSettings") for entry in mine),
        encoded_signature=plugin.attributes.get("encodedSignature", ""),
        invalid=problem,
        auto_upgrade=said(plugin.attributes.get("autoUpgrade")),
        use_exact_version=said(plugin.attributes.get("useExactVersion")),
        run_as_startup_task=said(plugin.attributes.get("runAsStartupTask")),
        is_json=said(plugin.attributes.get("isJson")),
    )


def _locations(plugin: xml.Element) -> tuple[Url, ...]:
    more = xml.children(xml.child(plugin, "additionalLocations"), "additionalLocation")
    return locations(
        [plugin.attributes.get("location"), plugin.attributes.get("failoverlocation"), *map(xml.text, more)]
    )


def render_extensions_config(state: ExtensionsGoalState, ticks: int) -> bytes:
    """The document `parse_extensions_config` reads. ticks: when the goal state was made."""
    upload, profile = state.status_upload, state.artifacts_profile
    features = "".join(
        f"<RequiredFeature><Name>{xml.escape_text(name)}</Name><Value>1.0</Value></RequiredFeature>"
        for name in state.required_features
    )
    number = xml.escape_attribute(str(state.svd_sequence_number))
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<Extensions version="1.0.0.0" goalStateIncarnation="{number}">'
        '<GuestAgentExtension xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"<GAFamilies>{''.join(map(_render_family, state.families))}</GAFamilies></GuestAgentExtension>"
        + (f"<RequiredFeatures>{features}</RequiredFeatures>" if features else "")
        + (
            f'<StatusUploadBlob statusBlobType="{upload.blob_type.value}">'
            f"{xml.escape_text(upload.url.reveal())}</StatusUploadBlob>"
            if upload is not None
            else ""
        )
        + f"<Plugins>{''.join(map(_render_plugin, state.handlers))}</Plugins>"
        f"<PluginSettings>{''.join(map(render_plugin_settings, state.handlers))}</PluginSettings>"
        + (
            f"<InVMArtifactsProfileBlob>{xml.escape_text(profile.reveal())}</InVMArtifactsProfileBlob>"
            if profile is not None
            else ""
        )
        + f'<InVMGoalStateMetaData inSvdSeqNo="{number}" createdOnTicks="{ticks}" '
        f'activityId="{xml.escape_attribute(state.activity_id)}" '
        f'correlationId="{xml.escape_attribute(state.correlation_id)}" /></Extensions>'
    ).encode()


def _render_family(family: AgentFamily) -> str:
    members = {
        "Name": family.name,
        "Version": family.version,
        "FromVersion": family.from_version,
        "IsVersionFromRSM": _word(family.is_version_from_rsm),
        "IsVMEnabledForRSMUpgrades": _word(family.is_vm_enabled_for_rsm_upgrades),
    }
    body = "".join(
        f"<{name}>{xml.escape_text(value)}</{name}>" for name, value in members.items() if value is not None
    )
    uris = "".join(f"<Uri>{xml.escape_text(uri)}</Uri>" for uri in family.uris)
    return f"<GAFamily>{body}<Uris>{uris}</Uris></GAFamily>"


def _word(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _render_plugin(handler: Handler) -> str:
    location, failover, *more = [*handler.manifest_uris, "", ""][: max(2, len(handler.manifest_uris))]
    attributes = {
        "name": handler.name,
        "version": handler.version,
        "location": location or None,
        "failoverlocation": failover or None,
        "state": handler.wanted.value,
        "autoUpgrade": _word(handler.auto_upgrade),
        "useExactVersion": _word(handler.use_exact_version),
        "runAsStartupTask": _word(handler.run_as_startup_task),
        "isJson": _word(handler.is_json),
        "encodedSignature": handler.encoded_signature or None,
    }
    written = " ".join(
        f'{name}="{xml.escape_attribute(value)}"' for name, value in attributes.items() if value is not None
    )
    others = "".join(f"<additionalLocation>{xml.escape_text(uri)}</additionalLocation>" for uri in more)
    extra = f"<additionalLocations>{others}</additionalLocations>" if others else ""
    return f"<Plugin {written}>{extra}</Plugin>"
