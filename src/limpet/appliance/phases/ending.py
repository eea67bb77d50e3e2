"""When the supervisor ends, everything goes on; but when the machine itself goes down, the guest shell is ended in order first.

Nobody else would end it: a container's init ignores what a service manager sends to all that is left, and a shutdown would wait
for it for its whole 90 seconds. Where an operator stops the service, and shuts the machine down later, systemd does it: it is left a
unit of this boot, whose end is a script that the next supervisor takes away.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import MakeFolder, Run, Write
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.appliance.appliance import Appliance
    from limpet.guest.steps import Step, Task

PATIENCE = 10.0
"""How long the guest's services have, seconds."""
FAREWELL = Path("/run/limpet/guest-end")
"""The script; without it the unit does nothing."""
UNIT = "limpet-guest-end"
_ASK = ("systemctl", "is-system-running")
_LOADED_ALREADY = 1


def goes_down(appliance: Appliance) -> bool:
    """Whether this machine is being shut down or rebooted."""
    try:
        said = appliance.machine.commands.run(_ASK, timeout=5.0, at_most=4096)
    except HostError:
        return False
    return said.stdout.strip() == b"stopping"


def end(appliance: Appliance) -> None:
    """To be called when this program was asked to end; it does not raise."""
    log, down = appliance.machine.log, goes_down(appliance)
    try:
        ending = appliance.runtime.stop(appliance.shell(), appliance.guest(), patience=PATIENCE)
        if down:
            log.info("guest.ends", reason="this machine goes down")
            appliance.apply(ending)
        else:
            appliance.do(_left_to_systemd(ending))
    except HostError as error:
        log.warning("guest.not_ended" if down else "guest.end_not_arranged", problem=error)


def take_over(appliance: Appliance) -> None:
    """From now on the guest shell's end is this supervisor's again. Raises: HostError."""
    appliance.machine.files.remove(FAREWELL)


def _left_to_systemd(ending: Iterable[Task]) -> tuple[Step, ...]:
    """Steps by which systemd does the same when the machine goes down; none where there is nothing to end."""
    import shlex  # noqa: PLC0415 - when it ends by itself only

    steps = [step for task in ending for step in task.steps]
    runs = [shlex.join(step.argv) for step in steps if isinstance(step, Run)]
    if not runs:
        return ()
    script = "\n".join((f'[ "$({shlex.join(_ASK)})" = stopping ] || exit 0', *runs, "exit 0", ""))
    doing = f"ExecStop=/bin/sh -c '[ ! -e {FAREWELL} ] || exec /bin/sh {FAREWELL}'"
    unit = (
        "systemd-run", "--quiet", f"--unit={UNIT}", "--description=the guest shell's end, when the machine goes down",
        "--remain-after-exit", "--property", doing, "--property", f"TimeoutStopSec={PATIENCE + 30.0:g}", "true",
    )  # fmt: skip
    return (
        *(step for step in steps if isinstance(step, (MakeFolder, Write))),
        MakeFolder(FAREWELL.parent),
        Write(FAREWELL, script.encode(), mode=0o600),
        Run(unit, accepted=(0, _LOADED_ALREADY)),
    )
