"""What the fabric wants run on this VM: handlers, the extensions that use them, and where status goes.

The fabric says it in two forms, ExtensionsConfig (wire server, "Fabric") and vmSettings (host plugin, "FastTrack"). Both readers make
this one type, so that nothing behind them knows which it was.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from limpet.model.ids import SequenceNumber, Thumbprint, Url
from limpet.model.secret import Secret

ZERO_GUID = "00000000-0000-0000-0000-000000000000"


class Source(Enum):
    """Which control plane made a goal state. Source: wire-protocol.md §5.4, §14."""

    FABRIC = "Fabric"
    FAST_TRACK = "FastTrack"
    UNKNOWN = "UNKNOWN"


class Channel(Enum):
    """By which service a goal state came."""

    WIRE_SERVER = "WireServer"
    HOST_PLUGIN = "HostGAPlugin"


class Wanted(Enum):
    """What the goal state asks of a handler, or of one extension of a multi-config handler."""

    ENABLED = "enabled"
    DISABLED = "disabled"  # for handlers deprecated by the fabric, still sent by old models
    UNINSTALL = "uninstall"


class BlobType(Enum):
    """How a status blob is written."""

    BLOCK = "BlockBlob"
    PAGE = "PageBlob"


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusUpload:
    """Where status goes. The URL carries its own authority, so it is secret."""

    url: Secret[Url]
    blob_type: BlobType = BlobType.BLOCK


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentFamily:
    """An agent release channel and, with RSM, the version the platform wants. Booleans are None when unsaid.

    Source: wire-protocol.md §4.2, §4.7.
    """

    name: str
    version: str | None = None
    from_version: str | None = None
    is_version_from_rsm: bool | None = None
    is_vm_enabled_for_rsm_upgrades: bool | None = None
    uris: tuple[Url, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """What an extension waits for; informational, ordering is by level only. Source: wire-protocol.md §4.4."""

    handler: str
    extension: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionSettings:
    """One configured use of a handler: an extension.

    name: the handler's name (single-config) or the extension's own (multi-config).
    public: decoded JSON, None when the goal state has none. protected: base64 CMS text, never decrypted here.
    wanted: always ENABLED for single-config; the extension's own state for multi-config.
    usable: False when the settings could not be read; name and number are kept so that status can be reported.
    invalid: why the goal state's part for this one cannot be used; reported as its status, siblings go on.
    Source: wire-protocol.md §4.4, extensions.md §5.1.
    """

    name: str
    sequence_number: SequenceNumber
    public: Any = None
    protected: Secret[str] | None = None
    thumbprint: Thumbprint | None = None
    wanted: Wanted = Wanted.ENABLED
    dependency_level: int = 0
    dependencies: tuple[Dependency, ...] = ()
    usable: bool = True
    invalid: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Handler:
    """A package of a publisher that the goal state names, with the extensions that use it.

    version: as requested, text. manifest_uris: every location of its manifest, in document order.
    invalid: why this handler's part of the goal state cannot be used; reported as its status, siblings go on.
    Source: wire-protocol.md §4.3.
    """

    name: str
    version: str
    wanted: Wanted
    manifest_uris: tuple[Url, ...] = ()
    settings: tuple[ExtensionSettings, ...] = ()
    multi_config: bool = False
    encoded_signature: str = ""
    invalid: str | None = None
    auto_upgrade: bool | None = None
    use_exact_version: bool | None = None
    run_as_startup_task: bool | None = None
    is_json: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionsGoalState:
    """One extensions goal state, whichever channel it came by.

    id: ``incarnation_<N>`` or ``etag_<E>``; a new id is processed exactly once.
    created: ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, compared as text for arbitration; year 0001 when unknown.
    svd_sequence_number: echoed in the aggregate status (text for Fabric, number or zero GUID for FastTrack).
    on_hold: None when this document does not say (the Fabric channel says it in the artifacts profile).
    Source: wire-protocol.md §4, §5.4, §14.
    """

    id: str
    channel: Channel
    source: Source
    created: str = "0001-01-01T00:00:00.000000Z"
    activity_id: str = ZERO_GUID
    correlation_id: str = ZERO_GUID
    svd_sequence_number: str | int = ZERO_GUID
    status_upload: StatusUpload | None = None
    artifacts_profile: Secret[Url] | None = None
    on_hold: bool | None = None
    required_features: tuple[str, ...] = ()
    families: tuple[AgentFamily, ...] = ()
    handlers: tuple[Handler, ...] = ()
    host_plugin_version: str | None = None
    schema_version: str | None = None
    certificates_revision: int | None = None
    vm_metadata: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def thumbprints(self) -> frozenset[Thumbprint]:
        """Every certificate that protected settings of this goal state need."""
        return frozenset(
            settings.thumbprint
            for handler in self.handlers
            for settings in handler.settings
            if settings.thumbprint is not None
        )
