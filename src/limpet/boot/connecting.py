"""The part of the boot stage that needs the network: a lease, the first report, and what is fetched or told besides reports.

Asking for the lease has a thread of its own, so that user and disks are made meanwhile (`local`).
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from limpet.boot.connection import Network, address_or_none
from limpet.boot.fabric import PATIENCE, REFUSED_PATIENCE, Fabric
from limpet.boot.network import connect
from limpet.host.facts import interfaces
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import LimpetError

if TYPE_CHECKING:
    from collections.abc import Collection

    from limpet.boot.connection import Connection
    from limpet.boot.machine import Machine
    from limpet.boot.report import Reports
    from limpet.config.settings import Config
    from limpet.guest.openssh import Key
    from limpet.guest.steps import Outcome, Task
    from limpet.model.ids import Thumbprint

_HTTP_PORT = 80


class Connecting:
    """connection: the way there, None without one; problem: why there is none. outcomes: of what made it.

    published: whether the platform's DNS has heard the host name.
    """

    def __init__(self, machine: Machine, config: Config, reports: Reports) -> None:
        self._machine = machine
        self._config = config
        self._reports = reports
        self.connection: Connection | None = None
        self.problem: str | None = None
        self.outcomes: list[Outcome] = []
        self.published = False
        self._later: tuple[Task, ...] = ()

    def connect(self, host_name: str | None, *, patience: float | None = None, lasting: bool = True) -> None:
        """Bring the network up where nobody has, and tell the fabric that provisioning begins.

        host_name: to be published; without one nothing is told. patience: instead of the configured one, seconds.
        lasting: False where the VM may still be moved to another network: what is kept on its disk then waits for `settle`.
        What goes wrong is kept in `problem`; nothing is raised, for this runs beside other work.
        """
        try:
            self._connect(host_name, patience, lasting=lasting)
        except Exception as error:  # noqa: BLE001 - the machine can be made complete without a network
            from limpet.boot import unexpected  # noqa: PLC0415 - it should never be needed

            self.connection = None
            self._lost(unexpected.note(error, self._machine.log))

    def _connect(self, host_name: str | None, patience: float | None, *, lasting: bool) -> None:
        machine, config = self._machine, self._config
        network = Network.of(machine, config, patience=patience, host_name=host_name)
        try:
            found = connect(network)
        except LimpetError as error:
            self._lost(str(error))
            return
        at_once = len(found.tasks) if lasting else 1
        self.outcomes = machine.interpreter.apply(found.tasks[:at_once])
        broken = next((each for each in self.outcomes if each.failed and each.task.required), None)
        if broken is not None:
            self._lost(broken.describe())
            return
        self.connection, self._later = found, found.tasks[at_once:]
        self.published = found.lease is not None and host_name is not None
        self._reports.fabric = Fabric(
            machine.http,
            machine.clock,
            machine.chance,
            machine.log,
            self._authority(found.endpoint),
            # On an appliance a status-only agent goes on saying it, and the handover need not wait for that.
            refused_patience=PATIENCE if config.to_network_os is None else REFUSED_PATIENCE,
        )
        if host_name is not None:
            self._reports.starting()
            if not self.published:
                self.publish(host_name)

    def settle(self) -> None:
        """Keep the lease and its name servers: the VM stays in this network."""
        later, self._later = self._later, ()
        self.outcomes += self._machine.interpreter.apply(later)

    def _lost(self, problem: str) -> None:
        self.problem = problem
        self._machine.log.error("network.failed", problem=problem)

    def _authority(self, endpoint: str) -> str:
        port = self._config.fabric_wire_port
        return endpoint if port == _HTTP_PORT else f"{endpoint}:{port}"

    def publish(self, host_name: str) -> None:
        """Tell the platform's DNS the host name, over a network that was there before. What fails is only told."""
        from limpet.host.dhcp_client import publish_host_name  # noqa: PLC0415 - only where somebody else made the network

        machine, way = self._machine, self.connection
        if way is None:
            return
        target = address_or_none(way.endpoint) or WIRE_SERVER
        nics = {nic.name: nic for nic in interfaces.nics(machine.files)}
        nic = nics.get(way.interface or "")
        source = machine.lookout.source_for(str(target))
        if nic is None or source is None:
            return
        try:
            publish_host_name(
                machine.links,
                machine.clock,
                machine.chance,
                interface=nic.name,
                mac=bytes.fromhex(nic.mac),
                address=IPv4Address(source),
                host_name=host_name,
            )
        except LimpetError as error:
            machine.log.warning("host_name.not_published", problem=str(error))
            return
        self.published = True

    def fetch_certificates(self, wanted: Collection[str]) -> str | None:
        """Put the certificates that keys are made of into the library folder. Gives the problem, for people."""
        fabric = self._reports.fabric
        if fabric is None:
            return f"there is no way to the fabric: {self.problem}"
        thumbprints: set[Thumbprint] = set(wanted)  # type: ignore[arg-type]
        try:
            missing = thumbprints - fabric.certificates(self._machine.vault, thumbprints)
        except LimpetError as error:
            return str(error)
        return f"the fabric has none with thumbprint {', '.join(sorted(missing))}" if missing else None

    def publish_key(self, key: Key | None) -> None:
        """Tell the fabric the SSH host key's fingerprint. What fails is only told."""
        from limpet.guest.host_keys import fingerprint_property  # noqa: PLC0415

        fabric = self._reports.fabric
        if key is None or fabric is None:
            return
        try:
            fabric.publish_thumbprint(fingerprint_property(key))
        except LimpetError as error:
            self._machine.log.warning("host_key.not_published", problem=str(error))
