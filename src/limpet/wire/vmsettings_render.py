"""Writing vmSettings, for the fabric's side. Source: wire-protocol.md §5.4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limpet.model.extensions import AgentFamily, ExtensionSettings, ExtensionsGoalState, Handler


def render_vm_settings(state: ExtensionsGoalState, ticks: int) -> bytes:
    """The document that `vmsettings.parse_vm_settings` reads. ticks: when the goal state was made."""
    upload = state.status_upload
    document = {
        "hostGAPluginVersion": state.host_plugin_version,
        "vmSettingsSchemaVersion": state.schema_version,
        "activityId": state.activity_id,
        "correlationId": state.correlation_id,
        "inSvdSeqNo": state.svd_sequence_number,
        "certificatesRevision": state.certificates_revision,
        "extensionsLastModifiedTickCount": ticks,
        "extensionGoalStatesSource": state.source.value,
        "onHold": state.on_hold,
        "statusUploadBlob": {"statusBlobType": upload.blob_type.value, "value": upload.url.reveal()}
        if upload is not None
        else None,
        "inVMMetadata": state.vm_metadata,
        "requiredFeatures": [{"name": name} for name in state.required_features],
        "gaFamilies": [_family(family) for family in state.families],
        "extensionGoalStates": [_handler(handler) for handler in state.handlers],
    }
    return json.dumps(_said(document)).encode()


def _said(members: dict[str, Any]) -> dict[str, Any]:
    """`members` without those that say nothing."""
    return {name: value for name, value in members.items() if value is not None}


def _family(family: AgentFamily) -> dict[str, Any]:
    return _said(
        {
            "name": family.name,
            "version": family.version,
            "fromVersion": family.from_version,
            "isVersionFromRSM": family.is_version_from_rsm,
            "isVMEnabledForRSMUpgrades": family.is_vm_enabled_for_rsm_upgrades,
            "uris": list(family.uris),
        }
    )


def _handler(handler: Handler) -> dict[str, Any]:
    location, failover, *more = [*handler.manifest_uris, None, None][: max(2, len(handler.manifest_uris))]
    single = not handler.multi_config and handler.settings
    return _said(
        {
            "name": handler.name,
            "version": handler.version,
            "location": location,
            "failoverLocation": failover,
            "additionalLocations": more or None,
            "state": handler.wanted.value,
            "autoUpgrade": handler.auto_upgrade,
            "useExactVersion": handler.use_exact_version,
            "runAsStartupTask": handler.run_as_startup_task,
            "isJson": handler.is_json,
            "encodedSignature": handler.encoded_signature or None,
            "isMultiConfig": handler.multi_config,
            "settingsSeqNo": handler.settings[0].sequence_number if single else None,
            # WALinuxAgent stumbles over empty arrays here: it reads the first of the settings there are to be.
            "settings": [_settings(each, multi_config=handler.multi_config) for each in handler.settings]
            or None,
            "dependsOn": [
                _level(each, multi_config=handler.multi_config)
                for each in handler.settings
                if each.dependency_level or each.dependencies
            ]
            or None,
        }
    )


def _settings(settings: ExtensionSettings, *, multi_config: bool) -> dict[str, Any]:
    protected = settings.protected
    members: dict[str, Any] = {
        "publicSettings": json.dumps(settings.public) if settings.public is not None else None,
        "protectedSettings": protected.reveal() if protected is not None else None,
        "protectedSettingsCertThumbprint": settings.thumbprint,
    }
    if multi_config:
        members |= {
            "seqNo": settings.sequence_number,
            "extensionName": settings.name,
            "extensionState": settings.wanted.value,
        }
    return _said(members)


def _level(settings: ExtensionSettings, *, multi_config: bool) -> dict[str, Any]:
    return _said(
        {
            "dependencyLevel": settings.dependency_level,
            "dependsOnExtension": [
                _said({"handler": on.handler, "extension": on.extension}) for on in settings.dependencies
            ],
            "name": settings.name if multi_config else None,
        }
    )
