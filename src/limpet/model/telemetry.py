"""Telemetry events, of the agent and of handlers."""

from dataclasses import dataclass

AGENT_PROVIDER = "69B669B9-4AF8-4C50-BDC4-6006FA76E975"
GENERIC_LOGS_PROVIDER = "FFF0196F-EE4C-4EAF-9AA5-776F622DEB4F"

Value = int | str | bool | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event: named parameters in order. Source: wire-protocol.md §8.1, §8.2."""

    provider: str
    id: int
    parameters: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerEvent:
    """An event a handler wrote for the extension telemetry pipeline. Source: extensions.md §7.2."""

    version: str
    timestamp: str
    task_name: str
    level: str
    message: str
    pid: str
    tid: str
    operation_id: str
