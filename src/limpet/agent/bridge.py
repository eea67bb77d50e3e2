"""Extensions that are handed to the network OS instead of being run here: one line of its command language each (R13).

    extension enable Microsoft.OSTCExtensions.VMAccessForLinux 1.5.10 3 {"username":"alice"}

What a network OS makes of it is its vendor's. Protected settings never go: the line may be logged on the other side.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.agent.worklist import Item

    Ask = Callable[[str], tuple[int | None, str]]
    """Has a line done: exit code, None when it was not done; and what was said, or why not. Raises: HostError."""

LONGEST = 1000
"""Characters of a line."""
MOST_TOLD = 500


class Bridge:
    """One extension at a time."""

    def __init__(self, ask: Ask | None) -> None:
        """ask: None where there is no network OS to ask."""
        self._ask = ask

    def hand_over(self, item: Item) -> str:
        """Have the network OS do what an enabled extension wants; gives what it said. Raises: HandlerError."""
        line = line_of(item)
        if self._ask is None:
            raise HandlerError(
                f"{item.title} is to be done by a network OS, and there is none to ask here", code=Code.ENABLE
            )
        try:
            exit_code, said = self._ask(line)
        except HostError as error:
            raise HandlerError(
                f"{item.title} could not be handed to the network OS: {error}", code=Code.ENABLE
            ) from error
        if exit_code != 0:
            how = "did not do it" if exit_code is None else f"ended with {exit_code}"
            raise HandlerError(
                f"{item.title} was handed to the network OS, which {how}: {_end(said)}", code=Code.ENABLE
            )
        return f"Done by the network OS: {_end(said)}"


def line_of(item: Item) -> str:
    """The command for an extension. Raises: HandlerError, where it cannot be one."""
    settings = item.settings
    public = {} if settings is None or settings.public is None else settings.public
    number = 0 if settings is None else settings.sequence_number
    text = json.dumps(public, separators=(",", ":"))  # ASCII, and so one printable line
    line = f"extension enable {item.title} {item.handler.version} {number} {text}"
    if len(line) > LONGEST:
        raise HandlerError(
            f"{item.title} cannot be handed to the network OS: its public settings make a line of {len(line)} characters, "
            f"more than {LONGEST}",
            code=Code.ENABLE,
        )
    return line


def _end(said: str) -> str:
    line = printable(said).strip()
    return line[-MOST_TOLD:] or "it said nothing"


def ask_network_os(line: str) -> tuple[int | None, str]:
    """Ask through the exchange folder's socket (`limpet.guest.command_protocol`). Raises: HostError."""
    from limpet.guest.command_protocol import SOCKET, CommandRequest  # noqa: PLC0415 - seldom needed
    from limpet.guest.fabric_lease import IN_THE_GUEST  # noqa: PLC0415
    from limpet.host.command_socket import ask  # noqa: PLC0415

    reply = ask([IN_THE_GUEST / SOCKET], CommandRequest(line=line), timeout=PATIENCE)
    return reply.exit_code, reply.problem or reply.stdout or reply.stderr


PATIENCE = 300.0
"""As long as a handler's enable may take, seconds. Source: extensions.md §4.3."""
