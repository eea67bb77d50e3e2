"""vmSettings, the host plugin's goal state. Source: wire-protocol.md §5.4. Member names count in any letter case."""

from __future__ import annotations

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import (
    ZERO_GUID,
    AgentFamily,
    Channel,
    ExtensionsGoalState,
    Source,
    StatusUpload,
)
from limpet.model.ids import Etag, Url
from limpet.model.secret import Secret
from limpet.wire import jsondoc
from limpet.wire.extensionsconfig import blob_type
from limpet.wire.jsondoc import an_object, member
from limpet.wire.names import fit_for_a_header, fit_for_a_request, locations
from limpet.wire.ticks import ticks_to_text
from limpet.wire.vmsettings_handlers import DOCUMENT, Members, informal, objects, parse_handler, texts


def parse_vm_settings(body: bytes, etag: Etag) -> ExtensionsGoalState:
    """Read the document that came with `etag`. Raises: MalformedDocument, for the document as a whole."""
    if not fit_for_a_header(etag):
        raise MalformedDocument(DOCUMENT, f"its ETag {etag[:64]!r} cannot be echoed")
    root = an_object(jsondoc.parse(body, DOCUMENT), DOCUMENT)
    word = member(root, "extensionGoalStatesSource", str, DOCUMENT, "")
    source = next((source for source in Source if source.value == word), Source.UNKNOWN)
    return ExtensionsGoalState(
        id=f"etag_{etag}",
        channel=Channel.HOST_PLUGIN,
        source=source,
        created=ticks_to_text(
            member(root, "extensionsLastModifiedTickCount", (int, str, float), DOCUMENT, None)
        ),
        activity_id=member(root, "activityId", str, DOCUMENT, "") or ZERO_GUID,
        correlation_id=member(root, "correlationId", str, DOCUMENT, "") or ZERO_GUID,
        svd_sequence_number=member(root, "inSvdSeqNo", (int, str), DOCUMENT, ZERO_GUID),
        status_upload=_status_upload(member(root, "statusUploadBlob", dict, DOCUMENT, None)),
        on_hold=member(root, "onHold", bool, DOCUMENT, False),
        required_features=tuple(
            member(feature, "name", str, DOCUMENT) for feature in objects(root, "requiredFeatures")
        ),
        families=tuple(_family(family) for family in objects(root, "gaFamilies")),
        handlers=tuple(parse_handler(handler, source) for handler in objects(root, "extensionGoalStates")),
        host_plugin_version=member(root, "hostGAPluginVersion", str, DOCUMENT, None),
        schema_version=informal(root, "vmSettingsSchemaVersion", str),
        certificates_revision=informal(root, "certificatesRevision", int),
        vm_metadata={
            key: value
            for key, value in (informal(root, "inVMMetadata", dict) or {}).items()
            if isinstance(value, str)
        },
    )


def _status_upload(members: Members | None) -> StatusUpload | None:
    if members is None:
        return None
    url = member(members, "value", str, DOCUMENT)
    if not fit_for_a_request(url):
        raise MalformedDocument(DOCUMENT, "member value of statusUploadBlob is not an http or https URL")
    return StatusUpload(
        url=Secret(Url(url)), blob_type=blob_type(member(members, "statusBlobType", str, DOCUMENT, None))
    )


def _family(members: Members) -> AgentFamily:
    return AgentFamily(
        name=member(members, "name", str, DOCUMENT),
        version=member(members, "version", str, DOCUMENT, None),
        from_version=member(members, "fromVersion", str, DOCUMENT, None),
        is_version_from_rsm=member(members, "isVersionFromRSM", bool, DOCUMENT, None),
        is_vm_enabled_for_rsm_upgrades=member(members, "isVMEnabledForRSMUpgrades", bool, DOCUMENT, None),
        uris=locations(texts(members, "uris")),
    )
