"""Handlers' commands, keys and downloads without a machine: the Processes, Vault and Fetcher ports for tests."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.archive import MANIFEST, checked, opened, pieces
from limpet.host.output import HEAD, TAIL, abridged
from limpet.host.ports import Completed
from limpet.model.errors import FabricUnreachable, HostError
from limpet.model.ids import Thumbprint
from limpet.wire.http import Request, Response, accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from limpet.host.fake_cgroups import FakeControlGroups
    from limpet.host.ports import Clock, Files

_NOT_FOUND = 127
_KILLED = -9
_MANY = 1 << 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One command that was run. process: its id, by which the fake's control groups know it."""

    command: str
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    process: int = 0


if TYPE_CHECKING:
    Script = Callable[[Invocation], Completed | int | None]
    """What a command does: it may write files and let time pass. It gives its exit code, None for 0."""

    Served = Mapping[str, bytes] | Callable[[Request], Response]
    """What answers requests: bodies by URL, 404 for others; or a function, which may raise FabricUnreachable."""


@dataclass
class FakeProcesses:
    """Commands as functions.

    scripts: by command, or by what a command ends with after a slash, as it stands in a manifest. What is not there is
    not found, as a shell says it. A script that lets more time pass than the command may take counts as killed.
    """

    files: Files
    clock: Clock
    scripts: dict[str, Script] = field(default_factory=dict)
    ran: list[Invocation] = field(default_factory=list)
    control_groups: FakeControlGroups | None = None
    earlier: tuple[str, float] | None = None
    _stopped: bool = False

    def run_handler_command(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        timeout: float,
        groups: Sequence[Path] = (),
    ) -> Completed:
        """Run a script. Raises: HostError, when the folder is not there."""
        info = self.files.info(folder)
        if info is None or not info.is_folder:
            raise HostError(f"cannot start a command in {folder}: No such file or directory")
        kernel = self.control_groups
        invocation = Invocation(
            command=command,
            folder=folder,
            environment=dict(environment),
            timeout=timeout,
            process=kernel.start(groups) if kernel is not None else 0,
        )
        self.ran.append(invocation)
        self._stopped = False
        began = self.clock.monotonic()
        try:
            done = _completed(self._script(command)(invocation))
        finally:
            if kernel is not None:
                kernel.end(invocation.process)
        seconds = self.clock.monotonic() - began
        exit_code = done.exit_code
        if self._stopped:
            exit_code = _KILLED
        elif seconds > timeout:
            exit_code, seconds = None, timeout
        return Completed(
            exit_code=exit_code, stdout=_kept(done.stdout), stderr=_kept(done.stderr), seconds=seconds
        )

    def await_earlier(self, tell: Callable[[str, float], None]) -> float | None:
        """Wait for what an earlier agent has left running: `earlier`, a folder's name and seconds."""
        found, self.earlier = self.earlier, None
        if found is None:
            return None
        tell(*found)
        self.clock.sleep(found[1])
        return found[1]

    def stop_current(self) -> None:
        """End the command that is running now; it is a script that calls this."""
        self._stopped = True

    def _script(self, command: str) -> Script:
        for name in sorted(self.scripts, key=len, reverse=True):
            if command == name or command.endswith(f"/{name}"):
                return self.scripts[name]
        return lambda _: Completed(
            exit_code=_NOT_FOUND, stdout=b"", stderr=f"/bin/sh: 1: {command}: not found\n".encode(), seconds=0
        )


def _completed(outcome: Completed | int | None) -> Completed:
    if isinstance(outcome, Completed):
        return outcome
    return Completed(exit_code=outcome or 0, stdout=b"", stderr=b"", seconds=0)


def _kept(output: bytes) -> bytes:
    left_out = len(output) - HEAD - TAIL
    return output if left_out <= 0 else abridged(output[:HEAD], output[-TAIL:], left_out)


@dataclass
class FakeVault:
    """Keys that are only names: `bundle` makes what `unpack_bundle` opens."""

    files: Files
    library: Path

    def transport_certificate(self) -> str:
        """The transport certificate, made first if there is none. Raises: HostError."""
        place = self.library / "TransportCert.pem"
        try:
            return self.files.read(place, at_most=65536).decode()
        except FileNotFoundError:
            info = self.files.info(self.library)
            seed = f"{self.library} {info.changed_ns if info is not None else 0}"
            certificate = base64.b64encode(hashlib.sha512(seed.encode()).digest() * 12).decode()
            self.files.replace(place, certificate.encode(), mode=0o600)
            return certificate

    def bundle(self, content: Mapping[str, bool], *, certificate: str | None = None) -> bytes:
        """What the fabric would send: thumbprints, and whether each has a key; for this vault or for another one."""
        recipient = self.transport_certificate() if certificate is None else certificate
        return json.dumps({"recipient": recipient, "content": dict(content)}).encode()

    def unpack_bundle(self, data: bytes) -> Sequence[tuple[Thumbprint, bool]]:
        """Open a bundle and keep what is in it as files. Raises: HostError."""
        try:
            bundle = json.loads(data)
            recipient, content = bundle["recipient"], bundle["content"]
        except (ValueError, TypeError, KeyError) as error:
            raise HostError(f"the certificate bundle is damaged: {error}") from error
        if recipient != self.transport_certificate():
            raise HostError("the certificate bundle is encrypted for another certificate")
        for thumbprint, has_key in content.items():
            self.files.replace(self.library / f"{thumbprint}.crt", b"certificate\n", mode=0o600)
            if has_key:
                self.files.replace(self.library / f"{thumbprint}.prv", b"key\n", mode=0o400)
        return [(Thumbprint(thumbprint), has_key) for thumbprint, has_key in content.items()]


@dataclass
class FakeFetcher:
    """Downloads from what is `served`, into the fake's files. requests: what was asked, in order."""

    files: Files
    served: Served = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    closed: bool = False
    groups: Sequence[Path] = ()

    def confine(self, groups: Sequence[Path]) -> None:
        """Let workers that are started from now on be in control groups."""
        self.groups = groups

    def send(self, request: Request, source: Path, *, size: int) -> Response:
        """Send a request whose body is a file. Raises: FabricUnreachable, HostError."""
        try:
            body = self.files.read(source, at_most=size)
        except FileNotFoundError as error:
            raise HostError(f"cannot send {source}: No such file or directory") from error
        return self.exchange(replace(request, body=body))

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
        """Put the body of a GET at `destination`. Raises: FabricUnreachable, FabricRefused and its kind, HostError."""
        del proxied
        response = self.exchange(
            Request(method="GET", url=url, headers=dict(headers), limit=limit, timeout=timeout)
        )
        what = f"download of {url.partition('?')[0]}"
        accepted(response, what)
        self.files.replace(destination, response.body, mode=0o600)

    def exchange(self, request: Request) -> Response:
        """Answer one request. Raises: FabricUnreachable."""
        self.requests.append(request)
        return served(self.served, request)

    def unpack(self, archive: Path, folder: Path) -> None:
        """Expand a zip in memory, by the same rules as the real one: what is there and not in it stays. Raises: HostError."""
        try:
            content = self.files.read(archive, at_most=_MANY)
        except FileNotFoundError as error:
            raise HostError(
                f"cannot expand {archive.name} into {folder}: No such file or directory"
            ) from error
        with opened(io.BytesIO(content), archive.name) as bundle:
            members = checked(bundle, archive.name, len(content))
            files = {
                path: b"".join(pieces(bundle, info)) for path, info in members.items() if not info.is_dir()
            }
        self._make_folder(folder)
        self._remove_manifests(folder)
        for path, info in members.items():
            parts = Path(path).parts if info.is_dir() else Path(path).parts[:-1]
            for number in range(len(parts)):
                self._make_folder(folder.joinpath(*parts[: number + 1]))
        for path, text in files.items():
            self.files.remove(folder / path)
            self.files.replace(folder / path, text, mode=0o744)

    def _make_folder(self, path: Path) -> None:
        info = self.files.info(path)
        if info is not None and not info.is_folder:
            self.files.remove(path)
        self.files.make_folder(path)

    def _remove_manifests(self, folder: Path) -> None:
        for name in self.files.names(folder):
            info = self.files.info(folder / name)
            if name == MANIFEST:
                self.files.remove(folder / name)
            elif info is not None and info.is_folder:
                self._remove_manifests(folder / name)

    def warm(self) -> None:
        """Start the worker ahead of need, so that the first job does not wait for it."""

    def close(self) -> None:
        """End."""
        self.closed = True


def served(source: Served, request: Request) -> Response:
    """Answer a request from a fake's source. Raises: FabricUnreachable, also for a body beyond the request's limit."""
    if callable(source):
        response = source(request)
    elif request.url in source:
        response = Response(status=200, body=source[request.url])
    else:
        response = Response(status=404)
    if len(response.body) > request.limit:
        raise FabricUnreachable(
            f"{request.method} {request.url.partition('?')[0]}: its body has {len(response.body)} bytes; "
            f"at most {request.limit} are accepted"
        )
    return replace(response, headers={name.lower(): value for name, value in response.headers.items()})
