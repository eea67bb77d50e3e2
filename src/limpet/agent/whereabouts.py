"""Where this agent is: on a machine of its own, or in the guest shell of an appliance. Never guessed.

In a guest shell two things say so, and the same: the brief that the supervisor left in the exchange folder, and the environment with
which it started the container. Source: network-appliance.md §8.2, R4 and F14.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.agent.running import GUEST_SHELL
from limpet.guest.fabric_lease import EXCHANGE, IN_THE_GUEST
from limpet.guest.shell_brief import BRIEF, LARGEST, VARIABLE, parse_brief
from limpet.host.fabric_grant import refuse_without_grant
from limpet.model.errors import ConfigurationError, HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.config.settings import Config
    from limpet.guest.shell_brief import ShellBrief
    from limpet.host.ports import Files

PLAIN = "plain"
_MARKER = IN_THE_GUEST / BRIEF
_FIRST_PROCESS = Path("/proc/1/environ")
_LARGEST_ENVIRONMENT = 2 * 1024 * 1024
_ADVICE = "The supervisor (limpet appliance run) makes both when it starts the container."


def brief_here(config: Config, files: Files) -> ShellBrief | None:
    """What this guest shell's agent begins with; None on a plain machine.

    Raises: ConfigurationError, when agent.stage says otherwise; HostError, for a marker that is not whole; AlreadyRunning, on an
    appliance's Linux, whose supervisor says who talks to the fabric.
    """
    instance = _instance(files)
    brief = _brief(files)
    if instance is None and brief is None:
        if config.stage == GUEST_SHELL:
            raise ConfigurationError(
                f"agent.stage is {GUEST_SHELL} ({config.origin('agent.stage')}), but this is none: there is no {_MARKER}, and "
                f"the first process has no {VARIABLE} in its environment. {_ADVICE}"
            )
        refuse_without_grant(files, EXCHANGE, "limpet agent", allowed=())
        return None
    if brief is None:
        raise HostError(
            f"this is a guest shell ({VARIABLE} is in the environment of its first process), but there is no {_MARKER}. {_ADVICE}"
        )
    if instance != brief.instance:
        raise HostError(
            f"{_MARKER} is of the guest shell {brief.instance!r}, and the environment of the first process "
            + (f"names {instance!r}" if instance else f"has no {VARIABLE}")
            + f": it is not known what this machine is. {_ADVICE}"
        )
    if config.stage == PLAIN:
        raise ConfigurationError(
            f"agent.stage is {PLAIN} ({config.origin('agent.stage')}), but this is a guest shell, whose machine is not the agent's. "
            "Leave the setting out."
        )
    return brief


def _instance(files: Files) -> str | None:
    """What the container was started with. systemd does not pass it on to services."""
    try:
        content = files.read(_FIRST_PROCESS, at_most=_LARGEST_ENVIRONMENT)
    except (FileNotFoundError, HostError):
        return None  # not root, or no container of ours
    for entry in content.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == VARIABLE.encode():
            return value.decode("utf-8", "replace")
    return None


def _brief(files: Files) -> ShellBrief | None:
    """Raises: HostError."""
    try:
        return parse_brief(files.read(_MARKER, at_most=LARGEST))
    except FileNotFoundError:
        return None
    except MalformedDocument as error:
        raise HostError(f"{_MARKER} cannot be used: {error}. {_ADVICE}") from error
