"""When the supervisor ends, everything goes on; but when the machine itself goes down, the guest shell is ended in order first.

Nobody else would end it: a container's init ignores what a service manager sends to all that is left, and a shutdown would wait
for it for its whole 90 seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance

PATIENCE = 10.0
"""How long the guest's services have, seconds."""
_ASK = ("systemctl", "is-system-running")


def goes_down(appliance: Appliance) -> bool:
    """Whether this machine is being shut down or rebooted."""
    try:
        said = appliance.machine.commands.run(_ASK, timeout=5.0, at_most=4096)
    except HostError:
        return False
    return said.stdout.strip() == b"stopping"


def end(appliance: Appliance) -> None:
    """To be called when this program was asked to end; it does not raise."""
    if not goes_down(appliance):
        return
    log = appliance.machine.log
    try:
        log.info("guest.ends", reason="this machine goes down")
        appliance.apply(appliance.runtime.stop(appliance.shell(), appliance.guest(), patience=PATIENCE))
    except HostError as error:
        log.warning("guest.not_ended", problem=error)
