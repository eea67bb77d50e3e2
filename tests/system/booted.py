"""New machines of the lab that `limpet boot` provisions: as their unit does, before anybody has brought the network up."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.system.layers import LAYERS
from tests.system.provisioned import ACCOUNT, VM

from limpet.lab import rootfs
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.provisioning.machine import NewMachine, Wish, new_machine
from limpet.lab.recipes import VM as RECIPE
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from limpet.lab.commands import Result
    from limpet.lab.machine import Machine

NETWORKS = ("networking.service", "ifup@eth0.service", "systemd-networkd.service", "systemd-networkd.socket")
CONFIGURATION = """\
[agent]
waagent_conf = "/nonexistent"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """A machine that has started and was not provisioned, and the fabric that knows it. plug: its NIC's cable, in or out."""

    new: NewMachine
    world: Fabric
    plug: Callable[[bool], None] = lambda _wanted: None

    @property
    def machine(self) -> Machine:
        return self.new.machine

    def boot(self, *options: str, timeout: float = 120) -> dict[str, Any]:
        """Run the boot stage; what it says for programs."""
        done = self.run(*options, timeout=timeout)
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
        found: dict[str, Any] = json.loads(done.stdout)
        found["exit"] = done.exit_code
        return found

    def run(self, *options: str, timeout: float = 120) -> Result:
        return self.machine.run(["limpet", "boot", "--json", *options], timeout=timeout)

    def sh(self, script: str) -> str:
        return self.machine.run(["sh", "-c", script], timeout=60).stdout

    @property
    def words(self) -> list[str]:
        """The reports that the fabric took, in short."""
        return [report["words"] for report in self.world.provisioning(VM)["reports"]]

    def restart(self) -> None:
        """Power off and on; what lives in memory is gone."""
        self.machine.power_off()
        self.new.boot()


@contextmanager
def stand(
    say: Callable[[str], None],
    *,
    account: dict[str, Any] | None = None,
    disc: Sequence[str] | None = (),
    more_nics: int = 0,
    networks: bool = False,
    serve: Sequence[str] = ("--strict",),
    configuration: str = CONFIGURATION,
) -> Iterator[Stand]:
    """networks: whether Debian's own services may bring the network up."""
    with ExitStack() as stack:
        made = stack.enter_context(room())
        tree = rootfs.root_file_system(RECIPE, rootfs.default_cache(), say)
        admin = made.emulator("--dhcp", "br0", *serve).admin
        world = stack.enter_context(fabric(admin))
        wish = Wish(account={**ACCOUNT, **(account or {})}, disc=disc, more_nics=more_nics)
        new = stack.enter_context(new_machine(made, world, admin, LAYERS.over(tree), wish, name=VM))
        new.machine.write("/etc/limpet.toml", configuration)
        if networks:
            link = "/etc/systemd/system/multi-user.target.wants/networking.service"
            new.machine.path(link).parent.mkdir(parents=True, exist_ok=True)
            new.machine.path(link).symlink_to("/lib/systemd/system/networking.service")
        else:
            for unit in NETWORKS:
                new.machine.path(f"/etc/systemd/system/{unit}").symlink_to("/dev/null")
        new.boot()
        yield Stand(new=new, world=world, plug=lambda wanted: made.plugged(new.port, wanted=wanted))
