"""Gives the custom data to the network OS, while the boot stage waits: once for each VM id, under a lock (§1.4).

A worker that boot starts: what was asked for comes on its standard input, and what it complains of goes to boot's log of it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.inventory import survey
from limpet.appliance.networkos.drivers import network_os
from limpet.appliance.workers.asking import Asking, with_others
from limpet.config.load import load_config
from limpet.config.options import alone
from limpet.guest.day_zero_request import LARGEST, parse_request
from limpet.guest.namespaces import HOST
from limpet.guest.translation import DayZero
from limpet.host.apply import Interpreter
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.facts import custom_data, leases, namespaces
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.links import RealLinks
from limpet.host.lock import SingleInstance
from limpet.model.errors import ConfigurationError, LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

    from limpet.config.settings import Config
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Site
    from limpet.host.ports import Clock, Commands, Files, Kernel

LOCK = Path("/run/limpet/day-zero.lock")
PATIENCE, SETTLING, PAUSE = 20.0, 1.0, 0.5
"""How long DHCP may take, how long after a NIC has its address the lease is looked for, how often it is looked for; seconds."""
_FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Do it; arguments: ``--config FILE`` and ``--set NAME=VALUE``. Gives the exit code; what is wrong is on standard error."""
    try:
        vm_id, environment = parse_request(sys.stdin.buffer.read(LARGEST))
        files, commands = RealFiles(), RealCommands()
        config = _configuration(files, arguments)
        files.make_folder(LOCK.parent)
        with SingleInstance(LOCK, who="the network OS's day 0"):
            made_for = custom_data.translated_for(files)
            site = _site(config, files, commands)
            day_zero = DayZero(vm_id=vm_id, environment=environment, made_for=made_for, site=site)
            tasks = network_os(config, files).day_zero(day_zero)
            interpreter = Interpreter(
                files=files, commands=commands, devices=RealDevices(), kernel=RealKernel(), clock=RealClock()
            )
            failed = [each for each in interpreter.apply(tasks) if each.failed]
    except LimpetError as error:
        sys.stderr.write(redacted(f"{error}\n"))
        return _FAILED
    for each in failed:
        sys.stderr.write(redacted(f"{each.describe()}\n{each.problem or 'no reason is known'}\n"))
    return _FAILED if failed else 0


def _configuration(files: Files, arguments: Sequence[str]) -> Config:
    """As the supervisor was configured. Raises: ConfigurationError."""
    known = alone(arguments)
    if known is None:
        raise ConfigurationError("the day-0 worker is told something that is no setting")
    path, settings = known
    return load_config(files, path=path, options=settings)


def _site(config: Config, files: Files, commands: Commands) -> Site | None:
    """The NICs; with what DHCP gave, where the network OS's configuration names that: else there is nothing to wait for."""
    if config.network_os != "iosxe":
        return None  # the others do nothing with it
    clock = RealClock()
    site = site_here(config, files, commands, RealKernel(), clock, patience=PATIENCE)
    return None if site is None else with_others(site, Asking(RealLinks(), files, clock, RealRandom()))


def site_here(
    config: Config, files: Files, commands: Commands, kernel: Kernel, clock: Clock, *, patience: float
) -> Site | None:
    """The NICs as Linux has them, with the leases that the boot stage takes beside this; None where they cannot be looked at.

    patience: how long that may take, seconds. A lease of another time, whose address no NIC has, is none.
    """
    try:
        primary = _lease(files, commands, clock, patience)
        others = leases.saved_leases(files)[1:] if primary is not None else ()
        held = [each for each in others if each.holds(clock.now())]
        found = (*([primary] if primary is not None else []), *held)
        return survey(config, found, _seen(files, commands), kernel.host_name())
    except LimpetError:
        return None


def _seen(files: Files, commands: Commands) -> Seen:
    return namespaces.look(files, commands, ())


def _lease(files: Files, commands: Commands, clock: Clock, patience: float) -> AcquiredLease | None:
    began, addressed = clock.monotonic(), None
    while True:
        lease, seen = leases.saved_lease(files), _seen(files, commands)
        if lease is not None and _has_address(seen, lease.address):
            return lease
        now = clock.monotonic()
        if addressed is None and _has_address(seen):
            addressed = now
        # Who gave an address keeps its lease at once, or not before provisioning is over.
        if now - began >= patience or (addressed is not None and now - addressed >= SETTLING):
            return None
        clock.sleep(PAUSE)


def _has_address(seen: Seen, address: IPv4Address | None = None) -> bool:
    """Whether a NIC has an address, or this one."""
    every = (each.ip for link in seen.links(HOST) for each in link.addresses if link.name != "lo")
    return any(address is None or each == address for each in every)
