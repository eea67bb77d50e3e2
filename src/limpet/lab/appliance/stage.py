"""An appliance that is ready to be shown: its supervisor as a service, a fabric with sample handlers, and the dashboard.

The demo and `limpet lab appliance` begin with it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab.appliance.room import CONFIGURATION, Appliance, Wish, appliance, prepared
from limpet.lab.demo.stage import example, there
from limpet.lab.install import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

UNIT = "limpet-appliance.service"
UNIT_TEXT = f"""\
[Unit]
Description=limpet's supervisor of a network appliance

[Service]
Type=exec
ExecStart={SERVICES} appliance run
KillMode=process

[Install]
WantedBy=multi-user.target
"""
WANTED = "/etc/systemd/system/multi-user.target.wants"
QUICK = {"retry_pause": "2"}
"""What a demo has less patience for than an appliance in a rack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """What is wanted: the settings appliance.network_os and guest_shell.runtime, the number of NICs, and folders of examples/."""

    driver: str = "frr"
    runtime: str = "lxc"
    nics: int = 3
    handlers: Sequence[str] = ()
    page_port: int = 0

    def configuration(self) -> str:
        """limpet's, in the appliance."""
        settings = {"network_os": f'"{self.driver}"', **QUICK}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        return "\n".join(
            [CONFIGURATION, "[appliance]", *lines, "", "[guest_shell]", f'runtime = "{self.runtime}"', ""]
        )


@contextmanager
def stage(plot: Plot, say: Callable[[str], None]) -> Iterator[Appliance]:
    """The appliance, switched off; all of it goes at the end. say: told what takes long. Raises: LabError."""
    hosted = [argument for name in plot.handlers for argument in ("--handler", str(there(example(name))))]
    wish = Wish(
        nics=plot.nics,
        serve=("--strict", *hosted),
        configuration=plot.configuration(),
        page_port=plot.page_port,
    )
    with ExitStack() as stack:
        parts = stack.enter_context(prepared(say))
        made = stack.enter_context(appliance(parts, wish))
        add_service(made, UNIT, UNIT_TEXT)
        yield made


def add_service(made: Appliance, unit: str, text: str) -> None:
    """A service that is started with the machine."""
    made.machine.write(f"/etc/systemd/system/{unit}", text)
    link = made.machine.path(f"{WANTED}/{unit}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../{unit}")


def tend(made: Appliance) -> None:
    """Do what a platform does for a VM that asks for a reboot. Raises: LabError."""
    if made.machine.reboots():
        made.await_reboot(settle=False)
