"""The process at which the guest shell knocks for commands (door.py) is kept running beside the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.command_protocol import SOCKET
from limpet.guest.fabric_lease import EXCHANGE
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.host.appliance_ports import Child

DOOR = "limpet.appliance.requests.door"
AGAIN = 60.0
"""Seconds from one start to the next at least."""


class CommandKeeper:
    """Where the network OS has no command language, or is the embedded one, nothing is started."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._child: Child | None = None
        self._next = appliance.machine.clock.monotonic()
        self._network_os, self._wanted = appliance.network_os, _takes_commands(appliance)

    def tick(self) -> None:
        """Start it where it should run and does not. Cheap."""
        if self._network_os is not self._appliance.network_os:
            self._network_os, self._wanted = self._appliance.network_os, _takes_commands(self._appliance)
            self.end()
        if not self._wanted or (self._child is not None and self._child.ended() is None):
            return
        machine = self._appliance.machine
        now = machine.clock.monotonic()
        if now < self._next:
            return
        self._next = now + AGAIN
        if self._child is not None:
            ended = self._child.ended()
            said = b"" if ended is None else ended.stderr
            machine.log.warning("commands.ended", said=said.decode("utf-8", "replace")[-300:].strip())
        try:
            machine.files.make_folder(EXCHANGE)
            group = self._appliance.config.commands_group
            words = (str(EXCHANGE / SOCKET), str(-1 if group is None else group))
            self._child = machine.children.start(DOOR, *words, *self._appliance.options)
        except HostError as error:
            machine.log.warning("commands.not_started", problem=error)

    def end(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.ask()


def _takes_commands(appliance: Appliance) -> bool:
    if appliance.network_os.name == "kernel":
        return False
    try:
        appliance.network_os.command("show version")
    except HostError:
        return False
    return True
