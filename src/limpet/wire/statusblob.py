"""The aggregate status, as it is uploaded. Source: wire-protocol.md §6.2, §6.3; extensions.md §6.6."""

from __future__ import annotations

import json
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.ids import SequenceNumber
from limpet.model.status import (
    AgentStatus,
    ExtensionState,
    ExtensionStatus,
    GoalStateAggregate,
    GuestInfo,
    HandlerStatus,
    Message,
    SettingsStatus,
    Substatus,
    UpdateStatus,
)
from limpet.wire import jsondoc
from limpet.wire.formattedmessage import render_formatted_message
from limpet.wire.scalars import scalar_text, status_code
from limpet.wire.statusfile import render_extension_status

DOCUMENT = "status blob"
_PADDING = b"\0 \t\r\n"
_STATES = {state.value: state for state in ExtensionState}


def render_status(status: AgentStatus) -> bytes:
    """Give the aggregate status as ASCII JSON, without the SAS tokens that its messages may hold."""
    aggregate: dict[str, Any] = {
        "guestAgentStatus": _render_agent(status),
        "handlerAggregateStatus": [_render_handler(entry, status.timestamp) for entry in status.handlers],
    }
    if status.goal_state is not None:
        aggregate["vmArtifactsAggregateStatus"] = {
            "goalStateAggregateStatus": _render_goal_state(status.goal_state)
        }
    document = {
        "version": "1.1",
        "timestampUTC": status.timestamp,
        "aggregateStatus": aggregate,
        "guestOSInfo": {
            "computerName": status.guest.computer_name,
            "osName": status.guest.os_name,
            "osVersion": status.guest.os_version,
            "version": status.guest.agent_version,
        },
        "supportedFeatures": [{"Key": key, "Value": value} for key, value in status.supported_features],
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _render_agent(status: AgentStatus) -> dict[str, Any]:
    members: dict[str, Any] = {
        "version": status.guest.agent_version,
        "status": status.status,
        "formattedMessage": render_formatted_message(status.message),
    }
    if status.update is not None:
        members["updateStatus"] = {
            "expectedVersion": status.update.expected_version,
            "status": status.update.status,
            "code": status.update.code,
            "formattedMessage": render_formatted_message(status.update.message),
        }
    return members


def _render_handler(entry: HandlerStatus, timestamp: str) -> dict[str, Any]:
    members: dict[str, Any] = {
        "handlerVersion": entry.version,
        "handlerName": entry.name,
        "status": entry.status,
        "code": entry.code,
        "useExactVersion": True,
    }
    if entry.message is not None:
        members["formattedMessage"] = render_formatted_message(entry.message)
    if entry.settings is not None:
        members["runtimeSettingsStatus"] = _render_settings(entry.settings, timestamp)
    return members


def _render_settings(settings: SettingsStatus, timestamp: str) -> dict[str, Any]:
    members: dict[str, Any] = {
        "settingsStatus": {
            "status": {"name": settings.name, **render_extension_status(settings.status)},
            "version": 1.0,
            "timestampUTC": timestamp,
        },
        "sequenceNumber": settings.sequence_number,
    }
    if settings.extension_name is not None:
        members["extensionName"] = settings.extension_name
    return members


def _render_goal_state(aggregate: GoalStateAggregate) -> dict[str, Any]:
    return {
        "formattedMessage": render_formatted_message(aggregate.message),
        "timestampUTC": aggregate.finished,
        "inSvdSeqNo": aggregate.svd_sequence_number,
        "status": aggregate.status,
        "code": aggregate.code,
    }


def parse_status(body: bytes) -> AgentStatus:
    """Read an aggregate status, this agent's or another's; a page blob's padding of NULs or blanks is taken off.

    A blob that is all padding is one between its creation and its writing. Raises: MalformedDocument.
    """
    content = body.rstrip(_PADDING)
    if not content:
        raise MalformedDocument(DOCUMENT, "it is empty: a page blob that was created and not yet written")
    root = _Members(jsondoc.parse(content, DOCUMENT), "the document")
    aggregate = root.object("aggregateStatus")
    agent = aggregate.object("guestAgentStatus")
    guest = root.object("guestOSInfo")
    update = agent.optional_object("updateStatus")
    artifacts = aggregate.optional_object("vmArtifactsAggregateStatus")
    goal_state = None if artifacts is None else artifacts.optional_object("goalStateAggregateStatus")
    return AgentStatus(
        timestamp=root.text("timestampUTC"),
        guest=GuestInfo(
            computer_name=guest.text("computerName"),
            os_name=guest.text("osName"),
            os_version=guest.text("osVersion"),
            agent_version=guest.text("version"),
        ),
        message=agent.message() or Message(message=""),
        status=agent.text("status"),
        update=None if update is None else _parse_update(update),
        handlers=tuple(_parse_handler(entry) for entry in aggregate.objects("handlerAggregateStatus")),
        goal_state=None if goal_state is None else _parse_goal_state(goal_state),
        supported_features=tuple(
            (feature.text("Key"), feature.text("Value")) for feature in root.objects("supportedFeatures")
        ),
    )


def _parse_update(update: _Members) -> UpdateStatus:
    return UpdateStatus(
        expected_version=update.text("expectedVersion"),
        status=update.text("status"),
        code=update.number("code"),
        message=update.message() or Message(message=""),
    )


def _parse_handler(entry: _Members) -> HandlerStatus:
    runtime = entry.optional_object("runtimeSettingsStatus")
    return HandlerStatus(
        name=entry.text("handlerName"),
        version=entry.text("handlerVersion"),
        status=entry.text("status"),
        code=entry.number("code"),
        message=entry.message(),
        settings=None if runtime is None else _parse_settings(runtime),
    )


def _parse_settings(runtime: _Members) -> SettingsStatus:
    status = runtime.object("settingsStatus").object("status")
    return SettingsStatus(
        name=status.text("name"),
        sequence_number=SequenceNumber(runtime.number("sequenceNumber")),
        status=ExtensionStatus(
            status=status.state(),
            code=status.code(),
            operation=status.scalar("operation"),
            configuration_applied_time=status.scalar("configurationAppliedTime"),
            message=status.message(),
            substatus=tuple(_parse_part(part) for part in status.objects("substatus")),
        ),
        extension_name=runtime.scalar("extensionName"),
    )


def _parse_part(part: _Members) -> Substatus:
    state = part.state()
    if state is None:
        raise MalformedDocument(DOCUMENT, f"{part.where}.status is missing")
    return Substatus(status=state, name=part.scalar("name"), code=part.code(), message=part.message())


def _parse_goal_state(aggregate: _Members) -> GoalStateAggregate:
    return GoalStateAggregate(
        status=aggregate.text("status"),
        code=aggregate.number("code"),
        message=aggregate.message() or Message(message=""),
        svd_sequence_number=aggregate.number_or_text("inSvdSeqNo"),
        finished=aggregate.text("timestampUTC"),
    )


class _Members:
    """One object of the document and its place, so that every complaint says where."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise MalformedDocument(DOCUMENT, f"{where} is missing or not an object")
        self._value = value
        self.where = where

    def _place(self, member: str) -> str:
        return member if self.where == "the document" else f"{self.where}.{member}"

    def object(self, member: str) -> _Members:
        return _Members(self._value.get(member), self._place(member))

    def optional_object(self, member: str) -> _Members | None:
        return None if self._value.get(member) is None else self.object(member)

    def objects(self, member: str) -> list[_Members]:
        value = self._value.get(member)
        if value is None:
            return []
        if not isinstance(value, list):
            raise MalformedDocument(DOCUMENT, f"{self._place(member)} is not an array")
        return [_Members(item, f"{self._place(member)}[{index}]") for index, item in enumerate(value)]

    def text(self, member: str) -> str:
        value = self._value.get(member)
        if not isinstance(value, str):
            raise MalformedDocument(DOCUMENT, f"{self._place(member)} is missing or not text")
        return value

    def scalar(self, member: str) -> str | None:
        return scalar_text(self._value.get(member), DOCUMENT, self._place(member))

    def number_or_text(self, member: str) -> int | str:
        value = self._value.get(member)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise MalformedDocument(DOCUMENT, f"{self._place(member)} is neither a whole number nor text")
        return value

    def number(self, member: str) -> int:
        value = self.number_or_text(member)
        if isinstance(value, str):
            raise MalformedDocument(DOCUMENT, f"{self._place(member)} is not a whole number")
        return value

    def code(self) -> int | str:
        return status_code(self._value.get("code"), DOCUMENT, self._place("code"))

    def state(self) -> ExtensionState | None:
        word = self._value.get("status")
        if word is None:
            return None
        if not isinstance(word, str) or word not in _STATES:
            raise MalformedDocument(DOCUMENT, f"{self._place('status')} is not one of {', '.join(_STATES)}")
        return _STATES[word]

    def message(self) -> Message | None:
        """The message as other agents send it too: its text may be null, its language may be missing."""
        value = self.optional_object("formattedMessage")
        text = None if value is None else value.scalar("message")
        if value is None or text is None:
            return None
        return Message(message=text, lang=value.scalar("lang") or "en-US")
