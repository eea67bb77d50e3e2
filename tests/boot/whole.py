"""A whole VM in memory: disc, disk, NIC, the emulator's core as its fabric; boots, power cuts and what the platform does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.plans import disks
from tests.plans.cases import picture, put
from tests.scenario.core import Core

from limpet.boot.machine import Machine
from limpet.boot.stage import Stage
from limpet.config.settings import Config
from limpet.emulator.media.variants import medium
from limpet.emulator.world.vm import Account
from limpet.host.fake import FakeMachine
from limpet.host.fake_commands import Call, Said
from limpet.host.fake_devices import Disk, show_disk
from limpet.host.fake_links import FakeDhcpServer
from limpet.host.fake_programs import install
from limpet.model.provisioning import OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.boot.result import Result
    from limpet.host.fake_files import FakeFiles

VM_ID = "3332e702-dbf4-54c0-80cc-727d1dbed7a5"
UUID = "02e73233-f4db-c054-80cc-727d1dbed7a5"
"""The same as firmware of generation 1 says it."""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOJUzanqDTpUHeT0/8oWSAJdzX2DxGeUbJl4Sp2hmbf alice@laptop"
PASSWORD = "Example-Pw-1"
WISH = OvfEnvironment(
    host_name="vm-001",
    user_name="alice",
    user_password=Secret(PASSWORD),
    public_keys=(PublicKey(path="/home/alice/.ssh/authorized_keys", value=KEY),),
    custom_data=Secret("IyEvYmluL3NoCg=="),
    platform=PlatformSettings(provision_guest_agent=True),
)
RAN = Path("/ran")
"""What custom data makes."""
DISC = Path("/dev/sr0")
DISK = Path("/dev/sdb")
VMBUS = "/sys/bus/vmbus/devices/00000000-0001-8899-0000-000000000000"
FILES: dict[str, Any] = {
    "/sys/class/dmi/id/product_uuid": f"{UUID.upper()}\n",
    "/sys/class/dmi/id/chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77\n",
    f"{VMBUS}/device_id": "{00000000-0001-8899-0000-000000000000}\n",
    f"{VMBUS}/host1/target1:0:1/1:0:1:0/block/sdb": {"folder": True},
    "/sys/block/sda/device/timeout": "30\n",
    "/proc/mounts": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\nusers:x:100:\n",
    "/etc/shadow": {"content": "root:$6$x$y:20000:0:99999:7:::\n", "mode": 0o640, "owner": [0, 42]},
    "/etc/login.defs": "UID_MIN 1000\nUMASK 022\n",
    "/bin/sh": {"content": "", "mode": 0o755},
    "/etc/sudoers": {"content": "@includedir /etc/sudoers.d\n", "mode": 0o440},
    "/etc/sudoers.d": {"folder": True},
    "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n",
    "/etc/ssh/ssh_host_ed25519_key": {"content": "the image's\n", "mode": 0o600},
    "/etc/hostname": "image\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 image\n",
    "/etc/skel/.profile": "# profile\n",
    "/home": {"folder": True},
    "/lib/udev/rules.d": {"folder": True},
    "/var/log": {"folder": True},
    "/run": {"folder": True},
    "/dev/random": "",
}
ALL_OVER = Config(enable_swap=True, swap_size=8, execute_custom_data=True)


class PlainCrypt:
    """A hash that can be read: this is not about cryptography."""

    method = "6"

    def hashed(self, password: Secret[str]) -> str:
        return f"$6$salt${password.reveal().encode().hex()}"

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        return hashed == self.hashed(password)


def run_custom_data(files: FakeFiles, _call: Call) -> Said:
    files.replace(RAN, b"yes")
    return Said()


@dataclass
class Vm:
    """machine: its hardware and disks. boots: how many there were. results: of those that were not cut short."""

    machine: FakeMachine
    core: Core
    dhcp: FakeDhcpServer
    boots: int = 0
    results: list[Result] = field(default_factory=list)
    ready_by_boot: list[int] = field(default_factory=list)

    @classmethod
    def new(cls, wish: OvfEnvironment | None = WISH, *, image: bytes | None = None, **account: Any) -> Vm:
        """One that was never booted. wish: what its disc asks for, None for no disc; image: another disc."""
        machine = FakeMachine()
        core = Core.start(machine.clock)
        details = {"user_name": "alice", "computer_name": "vm-001", "public_keys": (KEY,), **account}
        core.become(replace(core.vm, account=Account(**details)))
        machine.http.served = core.exchange
        for name, value in FILES.items():
            put(machine, Path(name), value)
        disks.plug(machine.files, DISK, {"size": "1 GiB", "table": "mbr", "partitions": [FRESH]})
        install(machine.commands, "accounts", "disks", "ssh", "network")
        machine.commands.programs["sh"] = run_custom_data
        machine.commands.programs["CustomData"] = machine.commands.programs["sh"]
        vm = cls(machine=machine, core=core, dhcp=FakeDhcpServer())
        if image is not None or wish is not None:
            vm.insert(image if image is not None else medium(wish or WISH).image())
        vm.on()
        return vm

    def insert(self, image: bytes) -> None:
        """Put a disc into the drive."""
        disc = Disk(size=len(image), block=2048, number="11:0")
        disc.write(0, image)
        show_disk(self.machine.files, DISC, disc)

    def take_disc(self) -> None:
        """The platform takes the medium away with the first restart."""
        self.machine.files.broken[DISC] = "No medium found"

    def on(self) -> None:
        """The power comes: what lives in memory only is empty."""
        machine = self.machine
        self.boots += 1
        for path in ("/run", "/proc/net/route", "/proc/net/fib_trie"):
            machine.files.remove(Path(path))
        machine.files.make_folder(Path("/run"))
        put(machine, Path("/proc/sys/kernel/random/boot_id"), f"boot-{self.boots}\n")
        put(machine, Path("/proc/mounts"), "")
        put(machine, Path("/proc/self/mountinfo"), "")
        put(machine, Path("/proc/swaps"), "Filename Type Size Used Priority\n")
        put(machine, Path("/sys/block/sda/device/timeout"), "30\n")
        machine.kernel.name = self.text("/etc/hostname").strip() or "localhost"
        machine.links.add("eth0", server=self.dhcp)

    def boot(self, config: Config = ALL_OVER, *, cut: int | None = None) -> Result:
        """Run the stage once. cut: after so many changes the power fails. Raises: PowerCut."""
        self.machine.battery.left = cut
        before = self.ready_count
        try:
            result = Stage(self.ports, config).run()
        finally:
            self.machine.battery.left = None
            self.ready_by_boot.append(self.ready_count - before)
        self.results.append(result)
        return result

    def restart(self, config: Config = ALL_OVER) -> Result:
        """Power off and on, and boot."""
        self.on()
        return self.boot(config)

    @property
    def ports(self) -> Machine:
        machine = self.machine
        return Machine(
            files=machine.files,
            commands=machine.commands,
            devices=machine.devices,
            kernel=machine.kernel,
            links=machine.links,
            http=machine.http,
            vault=machine.vault,
            key_values=machine.key_values,
            lookout=machine.lookout,
            crypt=PlainCrypt(),
            clock=machine.clock,
            chance=machine.chance,
            log=machine.log,
        )

    @property
    def reports(self) -> list[str]:
        """What the fabric heard, in order."""
        return [
            report.value.sub_status.value if report.value.sub_status else report.value.state.value
            for report in self.core.vm.inbox.health.items
        ]

    @property
    def ready_count(self) -> int:
        return self.reports.count("Ready")

    def text(self, path: str) -> str:
        """A file's content; empty where there is none."""
        node = self.machine.files.nodes.get(Path(path))
        return (node.content or b"").decode() if node is not None else ""

    @property
    def made(self) -> dict[str, object]:
        """What is on the machine's own disks, without what tells times and logs."""
        shown = picture(self.machine)
        passing = ("/run", "/proc", "/sys", "/var/log", "/dev")
        return {
            name: value
            for name, value in shown.items()
            if not name.startswith(passing) and name not in TELLING_TIMES
        }


def hash_of(vm: Vm, user: str = "alice") -> str:
    """The second field of a user's line in the shadow file; empty without one."""
    lines = [line for line in vm.text("/etc/shadow").splitlines() if line.startswith(f"{user}:")]
    return lines[0].split(":")[1] if lines else ""


FRESH = {"type": "07", "start": 1, "size": 1022, "holds": "ntfs", "names": ["DATALOSS_WARNING_README.txt"]}
TELLING_TIMES = {"/var/lib/limpet/provisioned.json", "/var/lib/limpet/lease.json"}
