"""FRRouting on a fake machine with network namespaces: its daemons as processes that can be killed, vtysh, and pkill.

What it has of its configuration is in RUNNING, one file for each daemon; a daemon in HUNG does not answer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.namespaces import HOST
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call, FakeCommands
    from limpet.host.fake_files import FakeFiles
    from limpet.host.fake_network import FakeNetwork
    from limpet.host.fake_programs.namespaces import Programs

STATE, CONFIGURATION = Path("/run/frr"), Path("/etc/frr")
DAEMONS = ("zebra", "staticd", "bgpd", "ospfd", "ospf6d", "bfdd", "ripd", "isisd")
_LIMIT = 1 << 20
_UNKNOWN = re.compile(r"^\s*(nonsense\b.*)$", re.MULTILINE)
_FIRST_PID = 4000


def install(network: FakeNetwork, programs: Programs, commands: FakeCommands) -> FakeFrr:
    """Let a fake machine have FRR, and the user that it runs as."""
    frr = FakeFrr(network, programs)
    commands.programs.update(dict.fromkeys(DAEMONS, frr.daemon))
    commands.programs.update({"vtysh": frr.vtysh, "pkill": frr.pkill})
    users = Path("/etc/passwd")
    files = network.files
    before = files.read(users, at_most=_LIMIT) if files.info(users) is not None else b""
    files.make_folder(users.parent)
    files.replace(users, before + b"frr:x:102:107::/nonexistent:/usr/sbin/nologin\n")
    return frr


class FakeFrr:
    """running: process id by (namespace, daemon). hung: daemons that do not answer. configured: what vtysh has read last."""

    def __init__(self, network: FakeNetwork, programs: Programs) -> None:
        self.running: dict[tuple[str, str], int] = {}
        self.hung: set[str] = set()
        self.configured: dict[str, str] = {}
        self._network = network
        self._programs = programs
        self._last = _FIRST_PID

    def daemon(self, files: FakeFiles, call: Call) -> Said:
        """A daemon starts, in the namespace that this is run in, unless one of its name runs."""
        name = call.argv[0].rpartition("/")[2]
        instance = call.argv[call.argv.index("-N") + 1]
        if (instance, name) in self.running:
            return Said(
                exit_code=1, stderr=f"Could not lock pid_file /run/frr/{instance}/{name}.pid, exiting"
            )
        if files.info(STATE / instance) is None:
            return Said(exit_code=1, stderr=f"Can't create pid lock file /run/frr/{instance}/{name}.pid")
        self._last += 1
        self.running[instance, name] = self._last
        place = self._programs.place
        if place != HOST:
            self._network.namespaces[place].processes.add(f"{instance} {name}")
        with by_the_kernel(files):
            files.replace(STATE / instance / f"{name}.pid", f"{self._last}\n".encode())
            files.make_folder(Path("/proc", str(self._last)))
            files.replace(Path("/proc", str(self._last), "cmdline"), "\0".join((*call.argv, "")).encode())
        return Said()

    def kill(self, instance: str, name: str) -> None:
        """A daemon ends at once. What it put into the kernel stays."""
        pid = self.running.pop((instance, name))
        self.hung.discard(name)
        with by_the_kernel(self._network.files):
            self._network.files.remove(Path("/proc", str(pid)))
        self._network.end_process(f"{instance} {name}")

    def pkill(self, files: FakeFiles, call: Call) -> Said:
        """End the daemons whose command line fits."""
        pattern = re.compile(call.argv[-1])
        found = [
            key
            for key, pid in self.running.items()
            if pattern.search(
                files.read(Path("/proc", str(pid), "cmdline"), at_most=_LIMIT).decode().replace("\0", " ")
            )
        ]
        for key in found:
            self.kill(*key)
        return Said(exit_code=0 if found else 1)

    def vtysh(self, files: FakeFiles, call: Call) -> Said:
        """Check a file, give the daemons their configuration, or do commands."""
        words = call.argv[1:]
        if words[0] == "-C":
            return _checked(files.read(Path(words[2]), at_most=_LIMIT).decode())
        instance = words[1]
        alive = [name for place, name in self.running if place == instance]
        wanted = [words[3]] if words[2] == "-d" else alive
        if not alive or any(name not in alive for name in wanted):
            return Said(exit_code=1, stderr="Exiting: failed to connect to any daemons.")
        if any(name in self.hung for name in wanted):
            return Said(exit_code=None)
        if words[2] == "-b":
            path = CONFIGURATION / instance / "frr.conf"
            if files.info(path) is None:
                return Said(exit_code=11, stderr="% Can't open configuration file")
            text = files.read(path, at_most=_LIMIT).decode()
            self.configured[instance] = text
            return _checked(text)
        return _checked("\n".join(words[3::2]))


def _checked(text: str) -> Said:
    unknown = _UNKNOWN.search(text)
    return Said() if unknown is None else Said(exit_code=2, stderr=f"% Unknown command: {unknown[1]}")
