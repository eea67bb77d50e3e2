"""What a handler's publisher offers (the manifest) and promises (HandlerManifest.json)."""

from dataclasses import dataclass
from enum import Enum

from limpet.model.ids import Url
from limpet.model.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One version of a handler or agent and where its zip is. Source: wire-protocol.md §4.5."""

    version: Version
    uris: tuple[Url, ...]
    internal: bool = False
    disallow_major_upgrade: bool = False


class Operation(Enum):
    """A handler's commands."""

    INSTALL = "install"
    ENABLE = "enable"
    UPDATE = "update"
    DISABLE = "disable"
    UNINSTALL = "uninstall"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLimits:
    """Limits of one systemd unit that a handler installs."""

    name: str
    cpu_quota_percentage: int | None = None
    memory_quota_mb: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceLimits:
    """What a handler may use. Percent of one CPU, MiB. Source: extensions.md §8.5."""

    cpu_quota_percentage: int | None = None
    memory_quota_mb: int | None = None
    services: tuple[ServiceLimits, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerManifest:
    """HandlerManifest.json: the handler's commands and how it wants to be treated. Source: extensions.md §1.2.

    commands: shell fragments relative to the package's folder; an operation that is absent fails when it is needed.
    """

    commands: dict[Operation, str]
    update_with_install: bool = True
    continue_on_update_failure: bool = False
    supports_multiple_extensions: bool = False
    report_heartbeat: bool = False
    limits: ResourceLimits | None = None
    signing_info: dict[str, str] | None = None


class HandlerState(Enum):
    """What has been done to a handler here; the text of ``config/HandlerState``. Source: extensions.md §2."""

    NOT_INSTALLED = "NotInstalled"
    INSTALLED = "Installed"
    ENABLED = "Enabled"
    FAILED_UPGRADE = "FailedUpgrade"
