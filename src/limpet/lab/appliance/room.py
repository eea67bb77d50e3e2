"""A room with one appliance: a machine whose NICs can go to a network OS, with FRR, LXC and nspawn, and a disk that stays.

Its fabric is strict: the metadata service answers nobody but the primary NIC's primary address.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.lab import cgroups, netns, recipes, requirements, rootfs
from limpet.lab.appliance.guest_image import guest_image
from limpet.lab.appliance.nics import MOST_NICS, PLATFORM, Card, Cards, card_of, knock
from limpet.lab.appliance.sight import HOST, NOS, Link, looking, seen
from limpet.lab.appliance.volume import SIZE, DataVolume
from limpet.lab.commands import LabError, Result, run
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.install import limpet_layer, services_layer
from limpet.lab.mounts import unmount
from limpet.lab.provisioning.hardware import DVD, Hardware, azure_dmi, fit
from limpet.lab.provisioning.media import disc
from limpet.lab.room import Room, room
from limpet.lab.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.emulator import Emulator
    from limpet.lab.machine import Machine

NAME = "appliance"
IMAGE = "/opt/guest-shell/root"
"""The guest shell's image inside, read-only: a tree with systemd and limpet."""
CONFIGURATION = """\
[agent]
waagent_conf = "/nonexistent"
"""
NETWORKS = ("networking.service", "ifup@eth0.service", "systemd-networkd.service", "systemd-networkd.socket")
"""Debian's own ways to bring a NIC up; here boot does."""
NEIGHBOUR = 200
TIME_TO_REBOOT = 60.0
TIME_TO_COPY = 120.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
NEW_BOOT = (
    "cat /proc/sys/kernel/random/uuid > /run/limpet-lab/boot_id",
    f"mount --bind -o ro /run/limpet-lab/boot_id {BOOT_ID}",
)
"""The kernel's name of a boot is this machine's own, which goes on: each boot of an appliance has another, as a VM's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the platform is asked for. account: members of the fabric's VM. disc: options of ``limpet emulator media``.

    nics: 1 to 16. volume: bytes of the data volume. serve: further arguments of the emulator.
    configuration: of limpet, in /etc/limpet.toml. page_port: of the dashboard, on this machine's loopback; 0 takes a free one.
    """

    account: Mapping[str, Any] = field(default_factory=dict, hash=False)
    disc: Sequence[str] | None = ()
    generation: int = 1
    nics: int = 1
    volume: int = SIZE
    serve: Sequence[str] = ("--strict",)
    configuration: str = CONFIGURATION
    page_port: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an appliance is made of; see `prepared`. layers: its root's, the first one on top. image: the guest shell's tree."""

    layers: tuple[Path, ...]
    image: Path


class Appliance:
    """Made by `appliance`, not booted. Everything in it raises LabError when it cannot be done."""

    def __init__(
        self,
        place: Room,
        world: Fabric,
        machine: Machine,
        *,
        wires: Cards,
        cards: Sequence[Card],
        volume: DataVolume,
        hardware: Hardware,
        vm_id: str,
        emulator: Emulator,
    ) -> None:
        self.room, self.world, self.machine, self.vm_id = place, world, machine, vm_id
        self.emulator = emulator
        self.cards = list(cards)
        self.volume = volume
        self._hardware = hardware
        self._wires = wires
        self._functions: dict[int, str] = {}
        self._out: set[int] = set()

    @property
    def name(self) -> str:
        """By which the fabric knows it."""
        return self.machine.name

    # Power

    def boot(self, *, settle: bool = True) -> str:
        """Switch it on, with its NICs down and bare; gives what `Machine.settle` does, without `settle` at once."""
        hardware = self._hardware.joined(self.volume.attach())
        self._wire_anew()
        self.machine.boot(fit(self.machine, hardware))
        return self.machine.settle() if settle else "starting"

    def reboot(self, *, settle: bool = True) -> str:
        """Shut it down in order and start it again."""
        self.machine.run(["systemctl", "reboot"])
        return self.await_reboot(settle=settle)

    def await_reboot(self, *, settle: bool = True) -> str:
        """Wait until it asks for a reboot by itself, and do it."""
        self.machine.await_end(timeout=TIME_TO_REBOOT)
        if not self.machine.reboots():
            raise LabError(f"{self.name} has ended and asked for no reboot: {self.machine.last_words()}")
        self.machine.kill()
        return self.boot(settle=settle)

    def power_cut(self, *, lose_unsynced: bool = True) -> None:
        """Stop it at once. What was not synced to the data volume is lost with `lose_unsynced`. Then `boot` it."""
        with cgroups.frozen(self.machine.cgroup):
            if lose_unsynced:
                self.volume.cut()
            cgroups.kill(
                self.machine.cgroup
            )  # all at once: its init alone would take the others along a little later
            self.machine.kill()

    def become(self, vm_id: str, *, generation: int = 1, drive: Path | None = None) -> None:
        """Let its disk be another VM's from the next boot on, as in a VM made of a captured image. drive: that VM's own disc."""
        self.vm_id = vm_id
        drives = {} if drive is None else {DVD: drive}
        other = Hardware(sysfs=azure_dmi(vm_id, generation=generation), drives=drives)
        self._hardware = self._hardware.joined(other)

    def _wire_anew(self) -> None:
        """All namespaces of a machine end with it, and a veth with its namespace: what a real machine keeps is made again."""
        self._wires.clear(self.cards)
        netns.remake(self.machine.network)
        self._wires.insert_all([card for card in self.cards if card.number not in self._out])
        for number, name in self._functions.items():
            self._wires.add_function(self.cards[number], name)

    # Inside

    def run(
        self, argv: Sequence[str], *, namespace: str = HOST, timeout: float = 120, stdin: str = ""
    ) -> Result:
        """Run a command inside as root, in one of its network namespaces.

        It is in no unit and no cgroup of the machine: what is to stay goes by ``systemd-run``.
        """
        entered = [] if namespace == HOST else ["nsenter", f"--net=/run/netns/{namespace}", "--"]
        return self.machine.run([*entered, *argv], timeout=timeout, stdin=stdin)

    def sh(self, script: str, *, namespace: str = HOST, timeout: float = 120) -> str:
        """Run a shell script inside and give what it printed; it must end with 0."""
        return self.run(["sh", "-c", script], namespace=namespace, timeout=timeout).checked()

    def kill(self, pattern: str, *, signal: str = "KILL") -> tuple[int, ...]:
        """Kill what matches, by whole command line, also in its containers; gives the process ids as seen inside."""
        listed = self.run(["pgrep", "--full", pattern]).stdout.split()
        if listed:
            self.run(["kill", f"-{signal}", *listed])
        return tuple(map(int, listed))

    def links(self) -> tuple[Link, ...]:
        """All interfaces, but for loopbacks, of the host's namespace, the network OS's and the guest's."""
        return seen(self.run(["sh", "-c", looking()]).checked())

    def nics(self) -> tuple[Link, ...]:
        """Where its NICs are, the primary one first, each before its virtual function; one that is nowhere is left out."""
        order = {card.mac: card.number for card in self.cards}
        found = [link for link in self.links() if link.mac in order]
        return tuple(sorted(found, key=lambda link: (order[link.mac], self._is_function(link))))

    def _is_function(self, link: Link) -> bool:
        return link.name in self._functions.values()

    def owners(self) -> dict[str, str]:
        """Which namespace has each NIC, by its number's own name; ``nowhere`` for one that is gone. Functions are left out."""
        where = {
            link.mac: link.namespace for link in self.nics() if link.name not in self._functions.values()
        }
        return {card.name: where.get(card.mac, "nowhere") for card in self.cards}

    # NICs that come and go

    def take_nic_out(self, number: int) -> None:
        """As hardware is taken out, wherever in the machine it is; it stays out over reboots."""
        self._wires.remove(self.cards[number])
        self._out.add(number)

    def put_nic_in(self, number: int, *, name: str | None = None) -> str:
        """As the kernel returns a NIC whose namespace has died: in the host's namespace, down and bare; gives its name."""
        self._out.discard(number)
        return self._wires.insert(self.cards[number], name=name)

    def lost_nics(self) -> list[int]:
        """Those that went with a namespace and that a real machine would have back by now: `put_nic_in` them."""
        there = self._wires.present(self.cards)
        return [card.number for card in self.cards if card not in there and card.number not in self._out]

    def add_late_nic(self) -> Card:
        """Attach one more NIC while it runs: the metadata service tells of it."""
        guest = int(self.cards[0].address.rsplit(".", 1)[1])
        card = card_of(guest, len(self.cards))
        self._wires.connect([card])
        self.world.set_nics(self.name, described([*self.cards[1:], card]))
        self._wires.insert(card)
        self.cards.append(card)
        return card

    def add_function(self, number: int) -> str:
        """A virtual function beside a NIC: same MAC, another name, which this gives; it stays over reboots."""
        name = f"enP{number + 1}s1"
        self._wires.add_function(self.cards[number], name)
        self._functions[number] = name
        return name

    def remove_function(self, number: int) -> None:
        """Take a virtual function away, as the platform does for servicing."""
        self._wires.remove_function(self.cards[number])
        del self._functions[number]

    def clash(self, name: str, *, namespace: str = NOS) -> None:
        """Let a name be taken in a namespace, so that a NIC of that name cannot be moved there."""
        self.run(["ip", "link", "add", "name", name, "type", "bridge"], namespace=namespace).checked()

    def end_clash(self, name: str, *, namespace: str = NOS) -> None:
        """Let the name be free again."""
        self.run(["ip", "link", "delete", name, "type", "bridge"], namespace=namespace).checked()

    # Outside

    def probe(self, number: int, port: int) -> str:
        """What becomes of a health probe of the platform to a NIC's address: from 168.63.129.16, as they come.

        As `knock` says it.
        """
        return knock(self.room.fabric, self.cards[number].address, port, source=PLATFORM[0])

    def leaked(self) -> int:
        """Packets to the platform's addresses with another sender than the NIC's own address: the fabric drops them."""
        return self._wires.leaked()

    @contextmanager
    def neighbour(self, number: int) -> Iterator[netns.Network]:
        """Somebody else in a NIC's subnet, who takes the appliance for the router to everywhere, until the end."""
        card = self.cards[number]
        name = f"{self.room.workspace.name}-near{number}"
        subnet = card.address.rsplit(".", 1)[0]
        with netns.network(name) as made:
            mac = f"02:00:00:00:{number:02x}:{NEIGHBOUR:02x}"
            netns.lay_cable(self.room.fabric, f"near{number}", made, mac=mac)
            made.ip(
                f"addr add {subnet}.{NEIGHBOUR}/24 dev eth0",
                f"neigh replace {card.address} lladdr {card.mac} dev eth0 nud permanent",
                f"route add default via {card.address}",
            )
            yield made


@contextmanager
def prepared(
    say: Callable[[str], None],
    *,
    linux: recipes.Recipe = recipes.APPLIANCE,
    guest: recipes.Recipe = recipes.GUEST_SHELL,
    agent: bool = True,
    apart: bool = False,
) -> Iterator[Parts]:
    """An appliance's parts, to be used by many rooms: the trees are built when they are not in the cache; limpet is in both.

    agent: whether limpet's agent is a service of the guest shell. apart: of copies in memory, so that no machine of somebody
    else's has pages of the same files: what is shared is left out of what a process is said to have.
    """
    requirements.require(appliances=True)
    tree = rootfs.root_file_system(linux, rootfs.default_cache(), say)
    shell = rootfs.root_file_system(guest, rootfs.default_cache(), say)
    with ExitStack() as stack:
        space, more = stack.enter_context(workspace()), stack.enter_context(workspace())
        if apart:
            tree, shell = _copied(tree, space.folder / "tree"), _copied(shell, more.folder / "tree")
        image = stack.enter_context(guest_image(shell, more, agent=agent))
        layers = (limpet_layer(tree, space), tree)
        yield Parts(layers=(services_layer(layers, space), *layers), image=image)


def _copied(tree: Path, target: Path) -> Path:
    run(["cp", "--archive", str(tree), str(target)], timeout=TIME_TO_COPY).checked()
    return target


@contextmanager
def appliance(parts: Parts, wish: Wish | None = None, *, place: Room | None = None) -> Iterator[Appliance]:
    """An appliance that was never booted, on the fabric of `place` or of a room of its own; all of it goes at the end."""
    wanted = wish or Wish()
    if not 1 <= wanted.nics <= MOST_NICS:
        raise LabError(f"an appliance has 1 to {MOST_NICS} NICs, not {wanted.nics}")
    with ExitStack() as stack:
        where = place or stack.enter_context(room())
        emulator = where.emulator("--dhcp", netns.BRIDGE, *wanted.serve, page_port=wanted.page_port)
        world = stack.enter_context(fabric(emulator.admin))
        yield stack.enter_context(_appliance(where, world, emulator, parts, wanted))


def described(cards: Sequence[Card]) -> list[dict[str, str]]:
    """NICs for the admin API."""
    return [{"mac": card.mac, "address": card.address} for card in cards]


@contextmanager
def _appliance(
    where: Room, world: Fabric, emulator: Emulator, parts: Parts, wish: Wish
) -> Iterator[Appliance]:
    machine, port = where.machine(parts.layers, name=NAME, addressed=False)
    where.fabric.ip(f"link delete {where.port_name(port)}")  # its NICs have cables of their own
    cards = [card_of(int(port.address.rsplit(".", 1)[1]), number) for number in range(wish.nics)]
    wires = Cards(where.fabric, port.network)
    wires.connect(cards)
    first, nics = cards[0], described(cards[1:])
    vm_id = world.add_vm(machine.name, first.address, mac=first.mac, nics=nics, **wish.account)["vmId"]
    with ExitStack() as stack:
        volume = DataVolume(where.workspace.folder / "volume", size=wish.volume)
        stack.callback(volume.close)
        hardware = Hardware(sysfs=azure_dmi(vm_id, generation=wish.generation), early=NEW_BOOT)
        if wish.disc is not None:
            image = where.workspace.folder / f"{machine.name}.iso"
            options = ("--admin", f"unix:{emulator.admin}", "--from-vm", machine.name, *wish.disc)
            drive = stack.enter_context(disc(image, *options))
            hardware = hardware.joined(Hardware(drives={DVD: drive}))
        stack.enter_context(_shown(parts.image, machine))
        stack.callback(machine.kill)  # before its drives and mounts go
        for unit in NETWORKS:
            machine.path(f"/etc/systemd/system/{unit}").symlink_to("/dev/null")
        machine.write("/etc/limpet.toml", wish.configuration)
        yield Appliance(
            where,
            world,
            machine,
            wires=wires,
            cards=cards,
            volume=volume,
            hardware=hardware,
            vm_id=vm_id,
            emulator=emulator,
        )


@contextmanager
def _shown(image: Path, machine: Machine) -> Iterator[None]:
    """The guest's image inside a machine that is not booted yet."""
    target = machine.path(IMAGE)
    target.mkdir(parents=True)
    run(["mount", "--bind", "-o", "ro", str(image), str(target)]).checked()
    try:
        yield
    finally:
        unmount(target)
