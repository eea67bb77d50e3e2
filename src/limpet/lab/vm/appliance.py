"""An appliance in a VM: real NICs, a real kernel with control groups, systemd's units; its fabric answers nobody but its NICs."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from limpet.lab import requirements
from limpet.lab.appliance.nics import Cards, card_of, knock
from limpet.lab.appliance.room import described
from limpet.lab.appliance.sight import looking, seen
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from limpet.lab.appliance.nics import Card
    from limpet.lab.commands import Result
    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.recipes import VmImage
    from limpet.lab.vm.virtual_machine import Vm

UNIT = "limpet-appliance.service"
SHOWN, JOURNAL = "/run/limpet/show.json", "/var/lib/limpet/journal"
INIT = "/run/limpet/guest/guest-shell/init"
GUEST_GROUP = "/sys/fs/cgroup/lxc.payload.guest-shell"
"""The guest shell's control group."""
PATIENCE = 400.0
"""Until anything has happened in such a VM, seconds."""
STAND_IN = ("handover", "rolled back", "guest shell keeps failing", "network OS", "operator")
"""How the texts of the status-only agent are known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One of the journal. at: seconds since 1970, by the VM's clock."""

    number: int
    at: float
    boot: str
    kind: str
    facts: Mapping[str, Any]


class VmAppliance:
    """Made by `vm_appliance`; everything raises LabError when it cannot be done."""

    def __init__(self, rack: Rack, place: Place, machine: Vm, cards: Sequence[Card], wires: Cards) -> None:
        self.rack, self.place, self.machine, self.cards = rack, place, machine, tuple(cards)
        self._wires = wires

    @property
    def name(self) -> str:
        """By which the fabric knows it."""
        return self.place.name

    # What it shows

    def shown(self) -> dict[str, Any]:
        """What `limpet show` reads; empty while there is nothing."""
        try:
            found: dict[str, Any] = json.loads(self.machine.run(f"cat {SHOWN}").stdout)
        except ValueError:
            return {}
        return found

    def await_shown(
        self, holds: Callable[[dict[str, Any]], bool], what: str, *, timeout: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait until it shows what holds, and give that."""

        def look() -> dict[str, Any] | None:
            found = self.shown()
            return found if found and holds(found) else None

        try:
            return wait_for(look, what, timeout=timeout, pause=0.5)
        except LabError as error:
            raise LabError(f"{error}\n{self.told()}") from error

    def await_stage(self, *stages: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until it is in one of these stages."""
        return self.await_shown(
            lambda found: found.get("stage") in stages, " or ".join(stages), timeout=timeout
        )

    def told(self) -> str:
        """All that explains where it is."""
        log = self.machine.run(f"journalctl -b -u {UNIT} --no-pager -o short-monotonic | tail -n 60").stdout
        shown = self.machine.run(f"cat {SHOWN}").stdout
        agent = self.in_guest("journalctl -u limpet-agent --no-pager -o short-monotonic | tail -n 20").stdout
        return f"{shown}\n{log[-9000:]}\n{agent[-4000:]}"

    def journal(self) -> list[Record]:
        """What the supervisor noted. A line that is being written is left out."""
        found = []
        for line in self.machine.run(f"cat {JOURNAL}").stdout.splitlines():
            with suppress(ValueError, TypeError):
                found.append(Record(**json.loads(line.partition(" ")[2])))
        return found

    def last(self) -> int:
        """The number of the journal's last record."""
        return max((each.number for each in self.journal()), default=0)

    def states(self, *, after: int = 0) -> list[str]:
        """The states that were entered behind a record, in order."""
        noted = (each for each in self.journal() if each.kind == "state" and each.number > after)
        return [str(each.facts["state"]) for each in noted]

    def owners(self) -> dict[str, str]:
        """Which namespace has each NIC, by its number's own name; ``nowhere`` for one that is gone."""
        where = {link.mac: link.namespace for link in seen(self.machine.told(looking()))}
        return {card.name: where.get(card.mac, "nowhere") for card in self.cards}

    # Inside

    def in_guest(self, script: str, *, timeout: float = 120) -> Result:
        """Run a script in the guest shell, as its machine's root sees into it."""
        self.machine.write("/run/limpet-lab-inside", script)
        enter = f'nsenter -t "$(cat {INIT})" -a sh -s < /run/limpet-lab-inside'
        return self.machine.run(enter, timeout=timeout)

    def in_shell(self, script: str, *, timeout: float = 300) -> Result:
        """Run a script in the guest shell as an operator does, within its limits."""
        self.machine.write("/run/limpet-lab-inside", script)
        return self.machine.run("limpet guestshell run -- sh -s < /run/limpet-lab-inside", timeout=timeout)

    # What the fabric sees

    def serial(self) -> int:
        """How many reports came."""
        return int(self.rack.world.vm(self.name)["statusReports"])

    def await_report(
        self, holds: Callable[[dict[str, Any]], bool], what: str, *, after: int, timeout: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait until the fabric has such a report with a larger serial count, and give it."""

        def look() -> dict[str, Any] | None:
            found = self.rack.world.statuses(self.name, after=after)
            return next((each for each in found if holds(each)), None)

        try:
            return wait_for(look, what, timeout=timeout, pause=0.2)
        except LabError as error:
            texts = [text_of(each) for each in self.rack.world.statuses(self.name, after=after)]
            raise LabError(f"{error}; there were {texts}\n{self.told()}") from error

    def await_guest_report(self, *, after: int, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until the fabric has a report of the guest shell's agent."""
        return self.await_report(
            lambda each: not is_stand_in(each), "a report of the guest shell", after=after, timeout=timeout
        )

    def words(self) -> list[str]:
        """What it has reported of its provisioning so far, in order."""
        return [report["words"] for report in self.rack.world.provisioning(self.name)["reports"]]

    def probe(self, number: int, port: int) -> str:
        """What becomes of a connection of the platform's own address to a NIC; see `limpet.lab.appliance.nics.knock`."""
        return knock(self.rack.room.fabric, self.cards[number].address, port, source="168.63.129.16")

    def leaked(self) -> int:
        """Packets to the platform's addresses with another sender than the NIC's own address."""
        return self._wires.leaked()


def text_of(report: Mapping[str, Any]) -> str:
    """The agent's own words in a report."""
    message = (report.get("status") or {}).get("message") or {}
    return str(message.get("message", ""))


def is_stand_in(report: Mapping[str, Any]) -> bool:
    """Whether the status-only agent reported."""
    return any(words in text_of(report) for words in STAND_IN)


@contextmanager
def vm_appliance(
    rack: Rack, image: VmImage, name: str, *, nics: int = 2, memory: int = 1024, **account: Any
) -> Iterator[VmAppliance]:
    """An appliance that is not started yet, with its provisioning disc; it goes at the end.

    account: members of the fabric's VM. Raises: LabError.
    """
    requirements.require(vms=True, appliances=True)
    place = rack.place(name, **account)
    guest = int(place.address.rsplit(".", 1)[1])
    cards = [card_of(guest, number) for number in range(nics)]
    ports = [place.nic, *(rack.nic(card.mac) for card in cards[1:])]
    cards = [replace(card, port=nic.port) for card, nic in zip(cards, ports, strict=True)]
    wires = Cards(rack.room.fabric, rack.room.fabric)
    wires.connect(cards)
    rack.world.set_nics(name, described(cards[1:]))
    with rack.vm(image, place, media=rack.media(place), nics=tuple(ports), memory=memory) as machine:
        made = VmAppliance(rack, place, machine, cards, wires)
        try:
            yield made
        except BaseException as error:
            error.add_note(f"{name}'s console ended with\n{machine.console()[-4000:]}")
            raise
