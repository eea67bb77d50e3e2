"""What is reported to the fabric, from the inside out: an extension's status, its handler's, the goal state's, the agent's whole."""

from dataclasses import dataclass
from enum import Enum

from limpet.model.ids import SequenceNumber


class ExtensionState(Enum):
    """The four words a status may use. Source: extensions.md §6.1."""

    TRANSITIONING = "transitioning"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"

    @property
    def terminal(self) -> bool:
        """Whether a dependent may stop waiting."""
        return self in {ExtensionState.SUCCESS, ExtensionState.ERROR}


class HandlerStatusWord(Enum):
    """The words an agent itself writes about a handler; a heartbeat may bring others."""

    READY = "Ready"
    NOT_READY = "NotReady"
    INSTALLING = "Installing"
    UNRESPONSIVE = "Unresponsive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Text for people."""

    message: str
    lang: str = "en-US"


@dataclass(frozen=True, kw_only=True, slots=True)
class Substatus:
    """A part of an extension's status. name and code pass through as the handler wrote them."""

    status: ExtensionState
    name: str | None = None
    code: int | str = 0
    message: Message | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionStatus:
    """What a handler says of one extension: the content of a status file. Source: extensions.md §6.1.

    status is None for the accepted empty file; code passes through as written (number or text).
    """

    status: ExtensionState | None
    code: int | str = 0
    operation: str | None = None
    configuration_applied_time: str | None = None
    message: Message | None = None
    substatus: tuple[Substatus, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsStatus:
    """An extension's status with the settings it answers.

    name: handler's (single-config) or extension's (multi-config). extension_name: multi-config only.
    """

    name: str
    sequence_number: SequenceNumber
    status: ExtensionStatus
    extension_name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerStatus:
    """One entry of the report: a handler, and its settings' status where there is one.

    status: text, because a heartbeat's word is copied verbatim. Source: wire-protocol.md §6.3, extensions.md §6.5.
    """

    name: str
    version: str
    status: str
    code: int = 0
    message: Message | None = None
    settings: SettingsStatus | None = None
    supports_multi_config: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateStatus:
    """How an agent update that the platform asked for went; only with RSM. Source: wire-protocol.md §6.3."""

    expected_version: str
    status: str
    code: int
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalStateAggregate:
    """The outcome of processing one goal state as a whole. finished: ``YYYY-MM-DDTHH:MM:SSZ``."""

    status: str
    code: int
    message: Message
    svd_sequence_number: str | int
    finished: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestInfo:
    """Who reports."""

    computer_name: str
    os_name: str
    os_version: str
    agent_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentStatus:
    """The whole aggregate status, as uploaded to the status blob. Source: wire-protocol.md §6.2.

    timestamp: ``YYYY-MM-DDTHH:MM:SSZ`` of the report. goal_state is None until one was processed.
    """

    timestamp: str
    guest: GuestInfo
    message: Message
    status: str = "Ready"
    update: UpdateStatus | None = None
    handlers: tuple[HandlerStatus, ...] = ()
    goal_state: GoalStateAggregate | None = None
    supported_features: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """``heartbeat.log`` of a handler that promised one. status is copied verbatim. Source: extensions.md §6.5."""

    status: str
    code: int | str
    message: Message | None
