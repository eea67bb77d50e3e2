"""An appliance of the lab whose NICs a driver for a network OS handles, step by step as the supervisor does."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.room import Appliance, Parts, Wish, appliance
from limpet.lab.appliance.sight import GUEST, HOST, NOS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "/root/network_os_driver.py"
WORKER = "import sys; sys.path.insert(0, '/opt/limpet/lib'); from {module} import main; sys.exit(main(sys.argv[1:]))"


@dataclass
class NetworkOsLab:
    """made: the appliance. driver: its name. leases: what DHCP gave to each NIC, by MAC."""

    made: Appliance
    driver: str
    leases: dict[str, Any] = field(default_factory=dict)

    @property
    def macs(self) -> list[str]:
        """The primary one last."""
        return [card.mac for card in reversed(self.made.cards)]

    def do(self, *doing: tuple[str, Any]) -> list[Any]:
        """Have the driver do something."""
        asked = {
            "driver": self.driver,
            "nics": [[card.name, card.mac] for card in reversed(self.made.cards)],
            "leases": self.leases,
            "do": doing,
        }
        told = self.made.run(["python3", "-IS", SCRIPT], stdin=json.dumps(asked), timeout=180).checked()
        found: list[Any] = json.loads(told)
        return found

    def must(self, *doing: tuple[str, Any]) -> list[Any]:
        """The same; all of it must work."""
        told = self.do(*doing)
        assert len(told) == len(doing), told
        for what in told:
            assert not (isinstance(what, list) and what and "cannot" in str(what[0])), what
        return told

    def worker(self, module: str, *arguments: str, namespace: str) -> tuple[int, str]:
        """Run a worker of the appliance's in a namespace; gives its exit code and what it printed."""
        argv = ["python3", "-IS", "-c", WORKER.format(module=module), *arguments]
        done = self.made.run(argv, namespace=namespace, timeout=120)
        return done.exit_code, done.stdout or done.stderr

    def lease(self, mac: str, *, namespace: str = HOST) -> Any:
        """Ask for a NIC's lease."""
        code, said = self.worker("limpet.appliance.workers.dhcp", mac, "--timeout", "40", namespace=namespace)
        assert code == 0, said
        return json.loads(said)

    def take_leases(self) -> None:
        """As boot does, for every NIC."""
        for card in self.made.cards:
            self.made.sh(f"ip link set {card.name} up")
            self.leases[card.mac] = self.lease(card.mac)

    def hand_over(self) -> list[Any]:
        """Start, and every NIC, the primary one last."""
        doing: list[tuple[str, Any]] = [("start", None)]
        for mac in self.macs:
            doing += [("claim", mac), ("dress", mac)]
        return self.must(*doing)

    def take_back(self) -> list[Any]:
        """Every NIC, the primary one first."""
        return self.must(*(("release", mac) for mac in reversed(self.macs)))

    def probe(self, namespace: str = GUEST, *, timeout: float = 20.0) -> dict[str, Any]:
        """What the appliance's own probe finds."""
        _, said = self.worker(
            "limpet.appliance.workers.probe", "--timeout", f"{timeout:g}", namespace=namespace
        )
        found: dict[str, Any] = json.loads(said)
        return found

    def reaches(self, namespace: str = GUEST, *, timeout: float = 20.0) -> bool:
        """Whether all of the platform answers there."""
        return not any(each["problem"] for each in self.probe(namespace, timeout=timeout)["targets"])

    @contextmanager
    def listening(self, port: int, namespace: str = NOS) -> Iterator[None]:
        """Somebody who takes connections on every address of a namespace."""
        argv = ["nsenter", f"--net=/run/netns/{namespace}", "--", "python3", "-m", "http.server", str(port)]
        with self.made.machine.start(argv, output="/var/log/listening"):
            self.made.sh(
                f"for each in $(seq 600); do ss -ltn | grep -q :{port} && exit 0; sleep .05; done; exit 1",
                namespace=namespace,
            )
            yield


@contextmanager
def network_os_lab(parts: Parts, driver: str, *, nics: int = 3) -> Iterator[NetworkOsLab]:
    """An appliance that is booted, with a lease for each NIC."""
    with appliance(parts, Wish(nics=nics)) as made:
        assert made.boot() == "running"
        made.machine.write(
            SCRIPT, Path(__file__).with_name("network_os_driver.py").read_text(encoding="utf-8")
        )
        lab = NetworkOsLab(made, driver)
        lab.take_leases()
        yield lab
