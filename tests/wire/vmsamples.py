"""One vmSettings document with a handler of either kind, and ways to change it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from limpet.model.ids import Etag
from limpet.wire.vmsettings import parse_vm_settings

if TYPE_CHECKING:
    from limpet.model.extensions import ExtensionsGoalState

Path = tuple[str | int, ...]

SINGLE: dict[str, Any] = {
    "name": "Acme.Sample",
    "version": "1.0.0",
    "location": "https://s/1",
    "failoverLocation": "https://s/2",
    "additionalLocations": ["https://s/3"],
    "state": "enabled",
    "settingsSeqNo": 4,
    "isMultiConfig": False,
    "settings": [
        {
            "publicSettings": '{"k": "v"}',
            "protectedSettings": "MII=",
            "protectedSettingsCertThumbprint": "ab" * 20,
        }
    ],
    "dependsOn": [{"dependsOnExtension": [{"handler": "Acme.Other"}], "dependencyLevel": 1}],
}
MULTI: dict[str, Any] = {
    "name": "Acme.Multi",
    "version": "1.2.0",
    "state": "enabled",
    "settingsSeqNo": 0,
    "isMultiConfig": True,
    "settings": [
        {"publicSettings": "{}", "seqNo": 3, "extensionName": "one", "extensionState": "enabled"},
        {"seqNo": 5, "extensionName": "two", "extensionState": "disabled"},
    ],
    "dependsOn": [
        {
            "dependsOnExtension": [{"handler": "Acme.Sample", "extension": "x"}],
            "dependencyLevel": 2,
            "name": "two",
        }
    ],
}
DOCUMENT: dict[str, Any] = {
    "hostGAPluginVersion": "1.0.8.175",
    "vmSettingsSchemaVersion": "0.0",
    "activityId": "A",
    "correlationId": "B",
    "inSvdSeqNo": 4,
    "certificatesRevision": 0,
    "extensionsLastModifiedTickCount": 637726657706205217,
    "extensionGoalStatesSource": "FastTrack",
    "onHold": False,
    "statusUploadBlob": {"statusBlobType": "BlockBlob", "value": "https://s/b?sig=x"},
    "inVMMetadata": {"vmName": "vm", "vmImage": {"sku": "12"}},
    "requiredFeatures": [{"name": "MultipleExtensionsPerHandler"}],
    "gaFamilies": [{"name": "Prod", "version": "2.9", "isVersionFromRSM": True, "uris": ["https://s/m"]}],
    "extensionGoalStates": [SINGLE, MULTI],
}


def parse(document: Any) -> ExtensionsGoalState:
    return parse_vm_settings(json.dumps(document).encode(), Etag("11"))


def edited(path: Path, value: Any) -> Any:
    """DOCUMENT with `value` at `path`; without what is there when `value` is ..."""
    document = copy.deepcopy(DOCUMENT)
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    elif isinstance(node, list) and path[-1] == len(node):
        node.append(value)
    else:
        node[path[-1]] = value
    return document
