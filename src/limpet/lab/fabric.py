"""The emulator's admin API as the lab's client: host packages, publish goal states, wait for what a VM does, ask what it did."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

LONGEST_ANSWER = 120.0
"""Seconds until the emulator has answered; a wait's own time comes on top."""
MOST_AT_ONCE = 1000
"""Requests that one answer tells of."""


class Fabric:
    """Made by `fabric`. Every operation raises LabError, with what the emulator said, when it is refused.

    Members of bodies and answers are those of the emulator's OpenAPI document (``GET /openapi.json``).
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def add_vm(self, name: str, address: str, **described: Any) -> dict[str, Any]:
        """Bring a VM into the world. described: further members, such as ``userName``. Gives all that is known of it."""
        found: dict[str, Any] = self._asked(
            "POST", "/v1/vms", {"name": name, "address": address, **described}
        )
        return found

    def vm(self, vm: str) -> dict[str, Any]:
        """One VM with its goal state."""
        found: dict[str, Any] = self._asked("GET", f"/v1/vms/{vm}")
        return found

    def set_nics(self, vm: str, nics: Sequence[Mapping[str, str]]) -> None:
        """Attach or detach: all its NICs beside the primary one, each with ``mac`` and ``address``."""
        self._asked("PUT", f"/v1/vms/{vm}/nics", {"nics": list(nics)})

    def provisioning(self, vm: str) -> dict[str, Any]:
        """What the fabric knows of a VM's provisioning: reports with their times, role properties, host name, leases."""
        found: dict[str, Any] = self._asked("GET", f"/v1/vms/{vm}/provisioning")
        return found

    def telemetry(self, vm: str) -> list[dict[str, Any]]:
        """The latest telemetry events of a VM, oldest first."""
        found: list[dict[str, Any]] = self._asked("GET", f"/v1/vms/{vm}/telemetry")
        return found

    def reprovision(self, vm: str) -> None:
        """Give a pre-provisioned VM to somebody, by the document of its own account."""
        self._asked("PUT", f"/v1/vms/{vm}/reprovision", {})

    def rotate_certificates(self, vm: str) -> None:
        """A new tenant certificate, by a new incarnation with nothing else new."""
        self._asked("POST", f"/v1/vms/{vm}/rotate-certificates", {})

    def hibernate(self, vm: str) -> None:
        """Resume the VM in another container under the same incarnation: for the old one the fabric answers 410."""
        self._asked("POST", f"/v1/vms/{vm}/hibernate", {})

    def list_users(self, vm: str, users: list[dict[str, str]] | None) -> None:
        """Another list of just-in-time users, each with ``name``, ``password``, ``expiration``; None: no list at all."""
        self._asked("PUT", f"/v1/vms/{vm}/users", {"users": users})

    def tell_appliance(self, vm: str, document: Mapping[str, Any]) -> None:
        """Tell what a VM's appliance says of itself, for the dashboard: the document of ``limpet show --json``."""
        self._asked("PUT", f"/v1/vms/{vm}/appliance", document)

    def add_fault(self, endpoint: str, **more: Any) -> dict[str, Any]:
        """One more fault rule. more: its further members, such as ``status`` or ``lie``."""
        found: dict[str, Any] = self._asked("POST", "/v1/faults", {"endpoint": endpoint, **more})
        return found

    def remove_fault(self, rule: int) -> None:
        """Let what a rule spoiled go well again."""
        self._asked("DELETE", f"/v1/faults/{rule}")

    def host(self, package: bytes, *, name: str | None = None, version: str | None = None) -> dict[str, Any]:
        """Host a handler's package, a zip. name, version: left out, as its manifest says."""
        given = {key: value for key, value in (("name", name), ("version", version)) if value is not None}
        found: dict[str, Any] = self._checked(
            lambda: self._http.post(
                "/v1/packages", params=given, content=package, headers={"Content-Type": "application/zip"}
            )
        )
        return found

    def publish(self, vm: str, *changes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Publish a new goal state and give it in short, with its incarnation and etag.

        changes: each with ``handler`` and what changes about it. more: further members, such as ``channel``.
        """
        body = {"changes": list(changes), **more}
        found: dict[str, Any] = self._asked("POST", f"/v1/vms/{vm}/goal-state", body)
        return found

    def wait(self, vm: str, *, timeout: float = 120, **condition: Any) -> None:
        """Wait until everything in `condition` holds at once. Raises: LabError, when it does not in `timeout` seconds."""
        body = {"condition": condition, "timeout": timeout}
        try:
            self._asked("POST", f"/v1/vms/{vm}/wait", body, timeout=timeout + LONGEST_ANSWER)
        except LabError as error:
            raise LabError(f"{vm} did not come to {condition}: {error}") from error

    def status(self, vm: str) -> dict[str, Any]:
        """The newest aggregate status that could be read, under ``status``, and how it came."""
        found: dict[str, Any] = self._asked("GET", f"/v1/vms/{vm}/status")
        return found

    def statuses(self, vm: str, *, after: int = 0) -> list[dict[str, Any]]:
        """The latest reports with a larger serial count, oldest first."""
        found: list[dict[str, Any]] = self._asked("GET", f"/v1/vms/{vm}/statuses", query={"after": after})
        return found

    def requests(self, vm: str, *, after: int = 0) -> list[dict[str, Any]]:
        """What the VM asked of the fabric and that was answered, oldest first, with ids above `after`."""
        found: list[dict[str, Any]] = []
        while True:
            query = {"after": after, "limit": MOST_AT_ONCE}
            part: list[dict[str, Any]] = self._asked("GET", f"/v1/vms/{vm}/requests", query=query)["requests"]
            found += part
            if len(part) < MOST_AT_ONCE:
                return found
            after = part[-1]["id"]

    def _asked(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        timeout: float = LONGEST_ANSWER,
    ) -> Any:
        return self._checked(
            lambda: self._http.request(method, path, json=body, params=query, timeout=timeout)
        )

    def _checked(self, ask: Callable[[], httpx.Response]) -> Any:
        try:
            answer = ask()
            value = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LabError(
                f"the emulator's admin API does not answer: {str(error) or type(error).__name__}"
            ) from error
        if answer.is_error:
            raise LabError(f"{value['what']} ({value['where']}): {value['todo']}")
        return value


@contextmanager
def fabric(admin: Path) -> Iterator[Fabric]:
    """The fabric whose admin API listens on the unix socket `admin`."""
    transport = httpx.HTTPTransport(uds=str(admin))
    with httpx.Client(transport=transport, base_url="http://fabric", timeout=LONGEST_ANSWER) as http:
        yield Fabric(http)
