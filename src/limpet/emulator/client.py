"""The admin API from the outside: what the commands and the tests ask of a running emulator."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from limpet.model.errors import LimpetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.emulator.storage.packages import HostedPackage

DEFAULT_ADMIN = "127.0.0.1:10088"
ADMIN_VARIABLE = "LIMPET_EMULATOR"
"""The environment's name for the admin address of the commands."""
ANSWER_SECONDS = 30.0


class EmulatorUnreachable(LimpetError):
    """No emulator answers; the message says how to start one."""


class EmulatorRefused(LimpetError):
    """The emulator cannot do what was asked.

    status: of its answer. where: the part of the request that is meant. todo: what to do, for those who use the API itself.
    """

    def __init__(self, status: int, what: str, *, where: str, todo: str) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.where = where
        self.todo = todo


class WaitedInVain(EmulatorRefused):
    """A condition did not hold in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdminAddress:
    """Where an admin API is. path: of its unix socket; else url."""

    url: str
    path: str | None = None

    @classmethod
    def read(cls, text: str) -> AdminAddress:
        """Read ``127.0.0.1:10088`` or ``unix:/run/limpet.sock``. Raises: ValueError, for people."""
        if text.startswith("unix:"):
            if len(text) == len("unix:"):
                raise ValueError("unix: needs the path of a socket, such as unix:/run/limpet.sock")
            return cls(url="http://emulator", path=text.removeprefix("unix:"))
        host, colon, port = text.removeprefix("http://").rstrip("/").rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port[:6]) > 65535:
            raise ValueError(f"{text!r} is neither HOST:PORT nor unix:PATH")
        return cls(url=f"http://{host}:{port}")

    def __str__(self) -> str:
        return self.url.removeprefix("http://") if self.path is None else f"unix:{self.path}"


class AdminClient:
    """Calls on a running emulator. What is asked is answered as the JSON of the admin API (GET /openapi.json).

    Every method raises EmulatorUnreachable and EmulatorRefused.
    """

    def __init__(self, address: AdminAddress) -> None:
        self.address = address
        # Never through a proxy that the environment names: the emulator is on this machine.
        transport = httpx.HTTPTransport(uds=address.path)
        self._http = httpx.Client(
            base_url=address.url, transport=transport, timeout=ANSWER_SECONDS, trust_env=False
        )

    @classmethod
    def at(cls, address: str | None = None) -> Self:
        """A client for an address as people write it; without one that of the environment, or the default.

        Raises: ValueError, for people.
        """
        return cls(AdminAddress.read(address or os.environ.get(ADMIN_VARIABLE) or DEFAULT_ADMIN))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def vms(self) -> list[dict[str, Any]]:
        """Every VM in short."""
        return self._list("GET", "/v1/vms")

    def vm(self, name: str) -> dict[str, Any]:
        """One VM with its goal state."""
        return self._object("GET", _vm(name))

    def add_vm(self, name: str, address: str) -> dict[str, Any]:
        """Bring a VM into the world."""
        return self._object("POST", "/v1/vms", {"name": name, "address": address})

    def describe_vm(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Bring a VM into the world, in the words of the admin API."""
        return self._object("POST", "/v1/vms", members)

    def remove_vm(self, name: str) -> None:
        """Forget a VM."""
        self._ask("DELETE", _vm(name))

    def status(self, vm: str) -> dict[str, Any]:
        """The newest aggregate status that could be read."""
        return self._object("GET", f"{_vm(vm)}/status")

    def requests(
        self, vm: str | None, *, endpoint: str | None = None, after: int = 0, limit: int = 1000
    ) -> dict[str, Any]:
        """What a VM asked of the fabric, oldest first; None: what strangers asked."""
        params: dict[str, str | int] = {"after": after, "limit": limit}
        if endpoint is not None:
            params["endpoint"] = endpoint
        path = "/v1/strangers/requests" if vm is None else f"{_vm(vm)}/requests"
        return self._object("GET", path, params=params)

    def wait(self, vm: str, condition: Mapping[str, Any], *, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until a condition holds. Raises: WaitedInVain, when it does not in time."""
        body = {"condition": dict(condition), "timeout": timeout}
        return self._object("POST", f"{_vm(vm)}/wait", body, timeout=timeout + ANSWER_SECONDS)

    def publish(self, vm: str, publication: Mapping[str, Any]) -> dict[str, Any]:
        """Publish a new goal state."""
        return self._object("POST", f"{_vm(vm)}/goal-state", publication)

    def upload(self, package: HostedPackage) -> dict[str, Any]:
        """Host a handler's package."""
        params = {"name": package.name, "version": str(package.version)}
        return self._object("POST", "/v1/packages", content=package.zip_bytes, params=params)

    def provisioning(self, vm: str) -> dict[str, Any]:
        """What the fabric knows of a VM's provisioning."""
        return self._object("GET", f"{_vm(vm)}/provisioning")

    def ovf_environment(self, vm: str) -> bytes:
        """The document of a VM's provisioning disc, with its secrets."""
        return str(self._object("GET", f"{_vm(vm)}/ovf-env")["document"]).encode()

    def faults(self) -> list[dict[str, Any]]:
        """Every fault rule and what became of it."""
        return self._list("GET", "/v1/faults")

    def add_fault(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """One more fault rule."""
        return self._object("POST", "/v1/faults", rule)

    def clear_faults(self, rule: int | None = None) -> int:
        """Remove one rule, or all; gives how many."""
        path = "/v1/faults" if rule is None else f"/v1/faults/{rule}"
        return int(self._object("DELETE", path)["removed"])

    def _object(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = self._ask(method, path, body, **more)
        if not isinstance(answer, dict):
            raise EmulatorUnreachable(f"{self.address} does not answer like an emulator: {method} {path}")
        return answer

    def _list(self, method: str, path: str) -> list[dict[str, Any]]:
        answer = self._ask(method, path)
        if not isinstance(answer, list):
            raise EmulatorUnreachable(f"{self.address} does not answer like an emulator: {method} {path}")
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        if self.address.path is not None and not Path(self.address.path).is_socket():
            raise self._unreachable("there is no such socket")
        try:
            answer = self._http.request(
                method, path, json=body, content=content, params=params, timeout=timeout
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._unreachable(_reason(error)) from error
        try:
            found = answer.json()
        except ValueError as error:
            raise EmulatorUnreachable(
                f"{self.address} does not answer like an emulator: {method} {path}"
            ) from error
        if answer.is_success:
            return found
        problem = found if isinstance(found, dict) else {}
        refused = WaitedInVain if answer.status_code == httpx.codes.REQUEST_TIMEOUT else EmulatorRefused
        raise refused(
            answer.status_code,
            str(problem.get("what", f"the emulator answered {answer.status_code}")),
            where=str(problem.get("where", "")),
            todo=str(problem.get("todo", "")),
        )

    def _unreachable(self, reason: str) -> EmulatorUnreachable:
        return EmulatorUnreachable(
            f"no emulator answers at {self.address} ({reason}). Start one with: limpet emulator serve "
            f"--admin {self.address}. If it runs elsewhere, say where with --admin or {ADMIN_VARIABLE}"
        )


def _reason(error: Exception) -> str:
    """In words, without the system's numbers."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _vm(name: str) -> str:
    return f"/v1/vms/{quote(name, safe='')}"
