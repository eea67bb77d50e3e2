"""Addresses to listen on: as people write them, and the admin API's socket."""

from __future__ import annotations

import errno
import socket
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BACKLOG = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPort:
    """An address and a port; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> HostPort:
        """Read ``127.0.0.1:80`` or ``[::1]:80``. Raises: ValueError, for people."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not port.isdecimal() or int(port[:6]) > 65535:
            raise ValueError(f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:10080")
        try:
            return cls(host=str(ip_address(host)), port=int(port))
        except ValueError as error:
            raise ValueError(
                f"{host!r} is not an address such as 127.0.0.1; names are not looked up"
            ) from error

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@contextmanager
def admin_socket(where: HostPort | Path) -> Iterator[tuple[socket.socket, str]]:
    """The admin API's listening socket, and its address as the commands take it. Raises: ConfigurationError.

    A unix socket is its owner's alone, and is removed at the end.
    """
    if isinstance(where, HostPort):
        if not ip_address(where.host).is_loopback:
            raise ConfigurationError(
                f"--admin {where}: the admin API asks for no password, so it listens on loopback or unix:PATH only"
            )
        family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
        try:
            found = socket.create_server((where.host, where.port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise ConfigurationError(f"--admin {where}: {explained(error)}") from error
        with found:
            yield found, str(HostPort(host=where.host, port=found.getsockname()[1]))
        return
    _remove_stale(where)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        try:
            found.bind(str(where))
            where.chmod(0o600)
            found.listen(BACKLOG)
        except OSError as error:
            raise ConfigurationError(f"--admin unix:{where}: {explained(error)}") from error
        try:
            yield found, f"unix:{where}"
        finally:
            where.unlink(missing_ok=True)


@contextmanager
def page_socket(where: HostPort | int | None) -> Iterator[list[socket.socket]]:
    """A second socket for the admin API and its page, or none. Raises: ConfigurationError.

    where: an address, or the number of an open socket that listens already: whoever starts the emulator in another network
    keeps its page in this one that way.
    """
    if where is None:
        yield []
        return
    if isinstance(where, HostPort):
        with admin_socket(where) as (found, _):
            yield [found]
        return
    try:
        found = socket.socket(fileno=where)
    except OSError as error:
        raise ConfigurationError(f"--dashboard fd:{where}: {error.strerror or error}") from error
    with found:
        if not _listens_on_loopback(found):
            raise ConfigurationError(f"--dashboard fd:{where}: it is no socket that listens on loopback")
        yield [found]


def page_url(found: socket.socket) -> str:
    """Where a browser finds the page."""
    host, port = found.getsockname()[:2]
    return f"http://{HostPort(host=host, port=port)}/"


def _listens_on_loopback(found: socket.socket) -> bool:
    return (
        found.family in {socket.AF_INET, socket.AF_INET6}
        and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        and ip_address(found.getsockname()[0]).is_loopback
    )


def explained(error: OSError) -> str:
    """Why listening failed, and what helps."""
    match error.errno:
        case errno.EADDRINUSE:
            return "something listens there already, perhaps another emulator"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address; add it to an interface, or listen on 127.0.0.1"
        case errno.ENODEV:
            return "there is no such interface in this network namespace; see: ip link"
        case errno.EACCES | errno.EPERM:
            return "not allowed; ports below 1024 need root"
        case _:
            return error.strerror or str(error)


def _remove_stale(path: Path) -> None:
    """Take away a socket that nobody listens on any more. Raises: ConfigurationError, when somebody does."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigurationError(f"--admin unix:{path}: there is a file of that name which is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            except OSError as error:
                raise ConfigurationError(f"--admin unix:{path}: {explained(error)}") from error
            else:
                raise ConfigurationError(f"--admin unix:{path}: another emulator listens there")
