"""A virtual machine on a fabric: QEMU emulating all of it, where `machine` would only stand in for it."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, b64encode
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, Result, bound_to_us, kept_in, kill_session, run
from limpet.lab.netns import assert_no_way_out
from limpet.lab.vm.hardware import CD_DRIVE, Hardware, Nic, Sockets, command
from limpet.lab.vm.qmp import Qmp, qmp
from limpet.lab.vm.serial import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.netns import Network
    from limpet.lab.vm.kernel import Kernel
    from limpet.lab.workspace import Workspace

TIME_TO_BOOT = 180.0
"""Until the lab's shell answers, early in the boot: some 8 s on a machine that does nothing else."""
TIME_TO_SETTLE = 400.0
TIME_TO_STOP = 180.0
TIME_TO_LISTEN = 5.0
CHUNK = 48_000
"""Bytes of a file in one command of the lab's shell."""
ENDINGS = {"running", "degraded", "maintenance", "stopping"}


class Vm:
    """One VM, made by `vm`. It can be started, cut off, changed and started again; its disks keep what was written."""

    def __init__(
        self, name: str, hardware: Hardware, kernel: Kernel, fabric: Network, place: Path, stack: ExitStack
    ) -> None:
        self.name = name
        self.hardware = hardware
        self.place = place
        self.fabric = fabric
        self._kernel = kernel
        self._stack = stack
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._shell: Shell | None = None
        self._sockets = Sockets(qmp=place / "qmp.sock", shell=place / "shell.sock", console=place / "console")

    @property
    def running(self) -> bool:
        """Whether the power is on."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of QEMU's process. Raises: LabError, when it is off."""
        if self._process is None or not self.running:
            raise LabError(f"{self.name} is not running")
        return self._process.pid

    @property
    def monitor(self) -> Qmp:
        """QEMU's own controls. Raises: LabError, when it is off."""
        if self._qmp is None:
            raise LabError(f"{self.name} is not running")
        return self._qmp

    def console(self) -> str:
        """Everything that came over the first serial port since the VM was made."""
        if not self._sockets.console.is_file():
            return ""
        return self._sockets.console.read_text(encoding="utf-8", errors="backslashreplace").replace("\r", "")

    def start(self) -> None:
        """Switch the power on; returns when QEMU runs, long before the kernel does. Raises: LabError."""
        if self.running:
            raise LabError(f"{self.name} is running already")
        assert_no_way_out(self.fabric)
        argv = command(self.hardware, self._kernel, self._sockets)
        log = self.place / "qemu.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                bound_to_us(kept_in(self.fabric.inside(argv))),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        connections = self._stack.enter_context(ExitStack())
        try:
            self._qmp = connections.enter_context(qmp(self._sockets.qmp))
            self._shell = Shell(self._sockets.shell)
            connections.callback(self._shell.close)
        except (LabError, OSError) as error:
            said = log.read_text(encoding="utf-8", errors="backslashreplace").strip()[-2000:]
            self.cut_power()
            raise LabError(f"{self.name} cannot be started: {error}: {said or 'no message'}") from error

    def boot(self, *, timeout: float = TIME_TO_BOOT) -> None:
        """Switch the power on and wait for the lab's shell, early in the boot. Raises: LabError."""
        self.start()
        self.await_boot(timeout=timeout)

    def await_boot(self, *, timeout: float = TIME_TO_BOOT) -> None:
        """Wait for a boot other than the last one known, until its shell answers. Raises: LabError."""
        try:
            self._answering().await_boot(timeout=timeout)
        except LabError as error:
            raise LabError(
                f"{self.name}: {error}; its console ended with\n{self.console()[-2000:]}"
            ) from error

    def settle(self, *, timeout: float = TIME_TO_SETTLE) -> str:
        """Wait until systemd has started everything; gives ``running``, or ``degraded`` and the failed units.

        Raises: LabError.
        """
        answer = wait_for(self._state, f"{self.name} to start everything", timeout=timeout, pause=0.5)
        if answer == "degraded":
            failed = self.run("systemctl list-units --failed --plain --no-legend --no-pager")
            return f"degraded: {' '.join(line.split()[0] for line in failed.stdout.splitlines() if line)}"
        return answer

    def _state(self) -> str | None:
        answer = self.run("systemctl is-system-running", timeout=60).stdout.strip()
        return answer if answer in ENDINGS else None

    def run(self, script: str, *, timeout: float = 180) -> Result:
        """Run a script of sh as root, by the lab's shell: neither network nor login is needed. Raises: LabError."""
        return self._answering().run(script, timeout=timeout)

    def told(self, script: str, *, timeout: float = 180) -> str:
        """What a script wrote, without white space around it. Raises: LabError, when it did not end with 0."""
        return self.run(script, timeout=timeout).checked().strip()

    def await_told(self, script: str, text: str, *, timeout: float = TIME_TO_SETTLE) -> str:
        """Run a script again and again until it tells `text`; gives all it told then. Raises: LabError."""

        def look() -> str | None:
            said = self.run(script).stdout
            return said if text in said else None

        return wait_for(look, f"{script!r} in {self.name} to tell {text!r}", timeout=timeout, pause=0.2)

    def _answering(self) -> Shell:
        if self._shell is None:
            raise LabError(f"{self.name} is not running")
        return self._shell

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        """Put a file into it. Raises: LabError."""
        rest = content.encode() if isinstance(content, str) else content
        self.told(f"mkdir -p \"$(dirname '{path}')\" && : > '{path}' && chmod {mode:o} '{path}'")
        while rest:
            part, rest = rest[:CHUNK], rest[CHUNK:]
            self.told(f"echo {b64encode(part).decode()} | base64 -d >> '{path}'")

    def read(self, path: str) -> bytes:
        """A file of it. Raises: LabError."""
        return b64decode(self.told(f"base64 -w0 '{path}'"))

    def reboot(self) -> None:
        """Ask its systemd to reboot, and wait for the next boot's shell. Raises: LabError."""
        self.told("systemctl --no-block reboot")
        self.await_boot(timeout=TIME_TO_BOOT + TIME_TO_STOP)

    def power_off(self) -> None:
        """Press the power button and wait for the end; its disks stay. Raises: LabError."""
        try:
            wait_for(self._pressed, f"{self.name} to power off", timeout=TIME_TO_STOP)
        finally:
            self.cut_power()

    def _pressed(self) -> bool:
        """Press, and again after a while: early in a boot nobody listens to the button."""
        with suppress(LabError):
            self.monitor.execute("system_powerdown")
        with suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(TIME_TO_LISTEN)
        return not self.running

    def cut_power(self) -> None:
        """End it at once; its disks keep what had reached them."""
        if self._process is not None:
            kill_session(self._process)
        if self._shell is not None:
            self._shell.close()
        self._process, self._qmp, self._shell = None, None, None
        for path in (self._sockets.qmp, self._sockets.shell):
            path.unlink(missing_ok=True)

    def becomes(self, hardware: Hardware) -> None:
        """Change what it is made of, while it is off: with the same disks and another id it is a clone."""
        if self.running:
            raise LabError(f"{self.name} is running: it can be changed when it is off")
        self.hardware = hardware

    def insert(self, media: Path) -> None:
        """Put another ISO into the drive, whether the VM has locked it or not. Raises: LabError."""
        self.monitor.execute(
            "blockdev-change-medium", id=CD_DRIVE, filename=str(media), format="raw", force=True
        )
        self.hardware = replace(self.hardware, media=media)

    def eject(self) -> None:
        """Empty the drive. Raises: LabError."""
        self.monitor.execute("eject", id=CD_DRIVE, force=True)
        self.hardware = replace(self.hardware, media=None)

    def plug(self, nic: Nic) -> None:
        """Plug another NIC in while it runs. Raises: LabError."""
        self.monitor.execute("netdev_add", **nic.backend())
        self.monitor.execute("device_add", **nic.device())

    def unplug(self, nic: Nic) -> None:
        """Pull a NIC out; returns when the VM has let it go. Raises: LabError."""
        self.monitor.execute("device_del", id=nic.device()["id"])

        def gone() -> bool:
            with suppress(LabError):
                self.monitor.execute("netdev_del", id=nic.port)
                return True
            return False

        wait_for(gone, f"{self.name} to let {nic.mac} go", timeout=60, pause=0.2)


@contextmanager
def vm(
    name: str,
    workspace: Workspace,
    fabric: Network,
    hardware: Hardware,
    kernel: Kernel,
) -> Iterator[Vm]:
    """A VM that is not started yet, with its own disks over those of `hardware`, which stay as they are.

    name: unique in the workspace. At the end it is cut off and nothing of it stays. Raises: LabError.
    """
    place = workspace.folder / "vms" / name
    place.mkdir(parents=True)
    os_disk = _own(hardware.os_disk, place / "os.qcow2")
    resource_disk = hardware.resource_disk and _own(hardware.resource_disk, place / "resource.qcow2")
    owned = replace(hardware, os_disk=os_disk, resource_disk=resource_disk)
    with ExitStack() as stack:
        made = Vm(name, owned, kernel, fabric, place, stack)
        try:
            yield made
        finally:
            made.cut_power()
            shutil.rmtree(place)


def _own(below: Path, disk: Path) -> Path:
    """A disk whose changes over `below`, a raw one, are its own. Raises: LabError."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(below), "-F", "raw", str(disk)]).checked()
    return disk
