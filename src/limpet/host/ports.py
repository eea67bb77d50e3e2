"""What programs need of a machine, as small Protocols: files, programs, the clock, chance, HTTP, and so on.

A program's `main` makes the Linux adapters of this package and passes them down; tests pass the ports of `fake.FakeMachine`.
tests/contract holds both to the same behaviour. An appliance's further ports are in `appliance_ports`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from limpet.host.network_ports import LinkNews as LinkNews  # noqa: PLC0414 - everybody takes them from here
    from limpet.host.network_ports import Links as Links  # noqa: PLC0414
    from limpet.host.network_ports import Wire as Wire  # noqa: PLC0414
    from limpet.model.ids import Thumbprint
    from limpet.wire.http import Request, Response


class Clock(Protocol):
    """Time. Durations are measured by `monotonic`, dates by `now`."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never jumps."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z; may jump."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class Random(Protocol):
    """Chance and identity."""

    def fraction(self) -> float:
        """Uniform on [0, 1)."""

    def guid(self) -> str:
        """A new random GUID, lower case with dashes."""

    def octets(self, count: int) -> bytes:
        """So many bytes that nobody can guess."""


class Http(Protocol):
    """Plain HTTP to the fabric's own addresses: never a proxy, never TLS, no redirects."""

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer, whatever its status.

        Raises: FabricUnreachable, for anything that is not a complete HTTP answer within the request's
        timeout and limit.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class FileInfo:
    """What a directory entry is, links not followed. modified: seconds since 1970; changed_ns: for comparison.

    links: names that the file has.
    """

    size: int
    mode: int
    modified: float
    changed_ns: int
    is_file: bool
    is_folder: bool
    is_link: bool = False
    is_block: bool = False
    links: int = 1
    uid: int = 0
    gid: int = 0


class Files(Protocol):
    """The file system. Every write is atomic; links are never followed out of what was asked for."""

    def read(self, path: Path, *, at_most: int) -> bytes:
        """The content of a regular file. Raises: FileNotFoundError, HostError when larger or not a regular file."""

    def replace(
        self,
        path: Path,
        content: bytes,
        *,
        mode: int = 0o644,
        durable: bool = True,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        """Put `content` at `path`; a reader, or a power cut, sees the old file or the new one.

        durable: whether it must be on the disk when this returns; False for copies that are only informative.
        owner: user and group id. beneath: a folder from which on no link among the parents is followed.
        Raises: HostError.
        """

    def info(self, path: Path) -> FileInfo | None:
        """What is at `path`; None where nothing is."""

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none."""

    def make_folder(
        self,
        path: Path,
        *,
        mode: int = 0o755,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        """Make a folder and its parents; an existing one keeps its mode and owner.

        beneath: a folder from which on no link is followed, and below which new parents get `owner` too.
        Raises: HostError.
        """

    def remove(self, path: Path) -> None:
        """Remove a file, a link, or a folder with all in it; nothing happens where nothing is."""

    def copy(self, source: Path, destination: Path) -> None:
        """Copy a regular file with its mode and times."""

    def append(self, path: Path, content: bytes, *, at_most: int) -> None:
        """Add to a log; when it would grow past `at_most` bytes its head is dropped at a line boundary."""

    def target(self, path: Path) -> Path | None:
        """What a symbolic link says, unresolved; None where there is none. Raises: HostError."""

    def poke(self, path: Path, content: bytes) -> None:
        """Write to something that exists and is no file of a disk: /sys, /proc, a device. Raises: HostError."""

    def allocate(self, path: Path, size: int, *, head: bytes = b"", written: bool = False) -> None:
        """Make a file of `size` bytes that holds no holes and is never copied on write, mode 0600; nothing is left when it fails.

        head: what it begins with, written last. One that is there with this size and head is kept. written: whether every
        byte must be written rather than reserved, for kernels that take what is reserved for holes. Raises: HostError.
        """

    def room(self, path: Path) -> int:
        """Bytes that are free in the file system that `path` is in. Raises: HostError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a command ended. exit_code is negative for a signal, None when it was killed at its time limit."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


class Processes(Protocol):
    """Commands of handlers."""

    def run_handler_command(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        timeout: float,
        groups: Sequence[Path] = (),
    ) -> Completed:
        """Run a shell fragment in its own session and wait for the shell, not for what it left running.

        stdout and stderr: at most 3200 bytes of head and of tail each are kept, whatever is written.
        groups: control groups to be in from the first instruction on; one that cannot be entered is done without.
        Raises: HostError, when it cannot be started. Source: extensions.md §4.
        """

    def await_earlier(self, tell: Callable[[str, float], None]) -> float | None:
        """Wait for the command that an earlier agent has left running, within its time. Gives the seconds, None where there is none.

        tell: is given its handler's folder by name, and the most seconds that this will take, before it begins.
        """

    def stop_current(self) -> None:
        """End the command that is running now, if any, with its whole group."""


class Commands(Protocol):
    """Programs of the machine."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, at_most: int = 1024 * 1024
    ) -> Completed:
        """Run a program and wait for it; at most `at_most` bytes of each of its streams are kept (the head).

        It gets a small fixed environment (C locale) and is found by a fixed PATH. exit_code is 127 when there is no such
        program, None when it was killed at `timeout` seconds. Raises: HostError, when it cannot be started for another reason.
        """

    def exists(self, program: str) -> bool:
        """Whether there is a program of that name."""


class Kernel(Protocol):
    """What is asked of the kernel directly."""

    def credit_entropy(self, content: bytes) -> None:
        """Mix bytes into the pool and credit them (ioctl RNDADDENTROPY). Raises: HostError."""

    def release(self) -> str:
        """The kernel's release, such as ``6.1.0-28-cloud-amd64``."""

    def host_name(self) -> str:
        """The host name it has now."""

    def set_host_name(self, name: str) -> None:
        """Give it another one, at most 64 bytes. Raises: HostError."""

    def uptime(self) -> float:
        """Seconds since it started."""

    def sync(self) -> None:
        """Put everything that was written onto the disks, by whichever program."""

    def page_size(self) -> int:
        """Bytes of a page of memory."""

    def architecture(self) -> str:
        """The processor's, such as ``x86_64`` or ``aarch64``."""


class Devices(Protocol):
    """Block devices, below their file systems."""

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """`size` bytes of a block device from `offset` on; fewer at its end. Raises: HostError, with the system's reason."""

    def write(self, path: Path, pieces: Sequence[tuple[int, bytes]], *, table: bool = False) -> None:
        """Write pieces (offset, content), each on the medium before the next.

        table: they change the partition table, which the kernel reads anew before this returns. Raises: HostError.
        """

    def eject(self, path: Path) -> None:
        """Open the drive. Raises: HostError."""


class KeyValues(Protocol):
    """The guest's pool of key-value pairs, which the hypervisor reads. Source: guest-setup.md §D.4."""

    def tell(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Add pairs to the pool; what an earlier boot left there is dropped first. A long value goes in parts under one key.

        Says whether anybody listens here. Raises: HostError.
        """


class Lookout(Protocol):
    """What can be noticed of the network for next to nothing: no process is started, nothing is sent."""

    def source_for(self, address: str) -> str | None:
        """The address of this machine from which packets go to an IPv4 address; None where the kernel knows no way there."""

    def rules_changed(self) -> bool:
        """Whether the packet filter may have lost rules of ours since this was asked last. True the first time."""


class Vault(Protocol):
    """The transport key and what it opens. Private keys never enter this process."""

    def transport_certificate(self) -> str:
        """The transport certificate in base64 DER on one line, made first if there is none. Raises: HostError."""

    def unpack_bundle(self, data: bytes) -> Sequence[tuple[Thumbprint, bool]]:
        """Open a certificate bundle (CMS, DER) and keep its certificates and keys as files.

        Gives (thumbprint, has a private key) for each. Raises: HostError, with the reason, also when the bundle
        is for another key.
        """


class ControlGroups(Protocol):
    """The kernel's file systems of control groups: folders that come with their files."""

    def read(self, path: Path) -> str | None:
        """The text of one of a group's files; None where it cannot be read."""

    def write(self, path: Path, text: str) -> None:
        """Write to one of a group's files. Raises: HostError, with the kernel's reason."""

    def make(self, group: Path) -> None:
        """Make a group and those above it; one that is there stays as it is. Raises: HostError."""

    def remove(self, group: Path) -> bool:
        """Remove an empty group. Says whether it is gone; one with processes stays."""

    def below(self, group: Path) -> list[str]:
        """The names of the groups in a group, sorted; empty where there is none."""


class Work(Protocol):
    """A worker that was started."""

    def ended(self) -> Completed | None:
        """How it ended; None while it works."""

    def kill(self) -> None:
        """End it with all that it started."""


class Workers(Protocol):
    """Short-lived processes of this package, for what shall not stay in a resident one."""

    def start(
        self,
        module: str,
        *arguments: str,
        given: bytes = b"",
        groups: Sequence[Path] = (),
        gentle: bool = False,
    ) -> Work:
        """Start ``module.main(arguments)`` in an interpreter of its own. Raises: HostError.

        given: its standard input. groups: control groups to be in from the first instruction on. gentle: with the lowest
        claim on processor and disk. Of each of its streams the first MiB is kept.
        """


class Fetcher(Protocol):
    """Downloads over any network, in a short-lived worker."""

    def fetch(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        limit: int,
        timeout: float,
        proxied: bool = True,
    ) -> None:
        """Put the body of a GET at `destination`, atomically.

        limit: bytes. timeout: for the whole download, seconds. proxied: whether a configured proxy may be used;
        False for the fabric's own addresses.
        Raises: FabricUnreachable, FabricRefused and its kind, HostError (disk).
        """

    def exchange(self, request: Request) -> Response:
        """Send a small request over any network (TLS, proxy), such as a status blob's direct PUT; give its answer.

        Raises: FabricUnreachable.
        """

    def send(self, request: Request, source: Path, *, size: int) -> Response:
        """Send a request to the fabric whose body is the file `source`, which is never in memory as a whole.

        size: the most it may have, bytes. Raises: FabricUnreachable, HostError.
        """

    def confine(self, groups: Sequence[Path]) -> None:
        """Let workers that are started from now on be in control groups."""

    def unpack(self, archive: Path, folder: Path) -> None:
        """Expand a handler's zip into a folder, all or nothing; what is there and not in the zip stays, but for manifests.

        Raises: HostError; then the folder is as it was.
        """

    def warm(self) -> None:
        """Start the worker ahead of need, so that the first job does not wait for it."""

    def close(self) -> None:
        """End the worker, if one runs."""


class Log(Protocol):
    """Events with fields. Pure code does not log: it returns what happened and its caller writes it down."""

    def info(self, event: str, **fields: object) -> None:
        """Something happened."""

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be; work goes on."""

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
