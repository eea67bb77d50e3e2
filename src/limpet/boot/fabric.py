"""The boot stage's conversation with the wire server: as few requests as provisioning needs.

Source: wire-protocol.md §7, §A.3.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from limpet.model.errors import (
    FabricBusy,
    FabricError,
    FabricRefused,
    FabricUnreachable,
    HostError,
    MalformedDocument,
)
from limpet.model.health import HealthReport, ProvisioningState, RoleProperties
from limpet.wire import goalstate, health
from limpet.wire.http import accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from limpet.host.ports import Clock, Http, Log, Random, Vault
    from limpet.model.goalstate import GoalState
    from limpet.model.health import ProvisioningSubStatus
    from limpet.model.ids import Thumbprint, Url
    from limpet.wire.http import Request, Response

PATIENCE = 1200.0
"""How long a report that matters is tried, seconds; after about so long the platform has given the VM up (§A.15)."""

REFUSED_PATIENCE = 20.0
"""How long a fabric is asked that refuses whoever asks, where somebody else goes on asking later, seconds."""
_REFUSALS = frozenset({401, 403})
"""Of a platform that wants requests to be signed, and of one that is busy. Source: network-appliance.md §8.4 F16."""

_FIRST_PAUSE, _LONGEST_PAUSE, _FACTOR = 0.5, 10.0, 1.6
_THUMBPRINT = "CertificateThumbprint"
_ROLE_PROPERTIES_ACCEPTED = 202

T = TypeVar("T")


class Fabric:
    """One wire server. Every method tries for `patience` seconds what may get better by waiting."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        chance: Random,
        log: Log,
        endpoint: str,
        *,
        refused_patience: float = PATIENCE,
    ) -> None:
        """endpoint: as URLs have it, with a port where that is not 80.

        refused_patience: how long nothing but refusals is borne, seconds; no longer than the patience for what is asked.
        """
        self.endpoint = endpoint
        self._refused_patience = refused_patience
        self._http = http
        self._clock = clock
        self._chance = chance
        self._log = log
        self._state: GoalState | None = None

    @property
    def container_id(self) -> str | None:
        """The fabric's name for this VM's place, as far as it is known."""
        return None if self._state is None else self._state.container_id

    def goal_state(self, patience: float = PATIENCE) -> GoalState:
        """The goal state, asked for once. Raises: FabricError."""
        if self._state is None:
            self._state = self._patiently("goal state", self._ask_goal_state, patience)
        return self._state

    def report(
        self,
        state: ProvisioningState,
        sub_status: ProvisioningSubStatus | None = None,
        description: str | None = None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """Tell how provisioning stands; returns when the fabric has accepted it. Raises: FabricError.

        A report that is refused may name a goal state that is not the latest any more: it is made anew once.
        """

        def send() -> None:
            known = self.goal_state(0.0)
            report = HealthReport(
                incarnation=known.incarnation,
                container_id=known.container_id,
                instance_id=known.instance_id,
                state=state,
                sub_status=sub_status,
                description=description,
            )
            self._ask(health.health_request(self.endpoint, report), "health report")

        self._with_fresh_names("health report", send, patience)

    def publish_thumbprint(self, thumbprint: str, *, patience: float = 60.0) -> None:
        """Tell the SSH host key's fingerprint as a property of this role. Source: wire-protocol.md §7.3. Raises: FabricError."""

        def send() -> None:
            known = self.goal_state(0.0)
            role = RoleProperties(
                container_id=known.container_id,
                instance_id=known.instance_id,
                properties=((_THUMBPRINT, thumbprint),),
            )
            answer = self._ask(health.role_properties_request(self.endpoint, role), "role properties")
            if answer.status != _ROLE_PROPERTIES_ACCEPTED:
                raise FabricRefused(
                    f"role properties: the fabric answered {answer.status}, not 202", status=answer.status
                )

        self._with_fresh_names("role properties", send, patience)

    def certificates(
        self, vault: Vault, wanted: Collection[Thumbprint], *, patience: float = 120.0
    ) -> frozenset[Thumbprint]:
        """Fetch the VM's certificates and keep them as files. Gives those of `wanted` that came.

        AES first, 3DES as the second try. Raises: FabricError, HostError.
        """
        url = self.goal_state(patience).certificates
        if url is None:
            raise HostError("the goal state has no certificates, and keys are wanted by thumbprint")
        have = self._fetched(vault, url, patience)
        missing = sorted(set(wanted) - have)
        if missing:
            self._log.warning("certificates.missing", thumbprints=", ".join(missing))
        return frozenset(set(wanted) & have)

    def _fetched(self, vault: Vault, url: Url, patience: float) -> frozenset[Thumbprint]:
        from limpet.wire import certificates  # noqa: PLC0415 - most VMs have no keys by thumbprint

        transport = vault.transport_certificate()
        problem: FabricError | HostError | None = None
        for cipher in certificates.Cipher:
            request = certificates.certificates_request(url, transport, cipher)
            try:
                answer = self._patiently(
                    "certificates", partial(self._ask, request, "certificates"), patience
                )
                bundle = certificates.parse_certificate_file(answer.body)
                if not bundle.usable:
                    return frozenset()
                return frozenset(found for found, _ in vault.unpack_bundle(bundle.data))
            except (FabricError, HostError) as error:
                self._log.warning("certificates.cipher_failed", cipher=cipher.value, problem=str(error))
                problem = error
        raise HostError(f"no certificates with either cipher: {problem}") from problem

    def _ask_goal_state(self) -> GoalState:
        return goalstate.parse_goal_state(
            self._ask(goalstate.goal_state_request(self.endpoint), "goal state").body
        )

    def _ask(self, request: Request, what: str) -> Response:
        return accepted(self._http.exchange(request), what)

    def _with_fresh_names(self, what: str, send: Callable[[], None], patience: float) -> None:
        """Send with the names that are known; when that is refused, once more with those of a new goal state."""
        begun = self._clock.monotonic()
        try:
            self._patiently(what, send, patience)
        except FabricBusy:
            raise
        except FabricRefused as error:
            self._log.warning("fabric.refused", what=what, problem=str(error))
            self._state = None
            self._patiently(what, send, max(0.0, patience - (self._clock.monotonic() - begun)))

    def _patiently(self, what: str, attempt: Callable[[], T], patience: float) -> T:
        """Try until it works, is refused for good, or `patience` seconds are over. At least once. Raises: FabricError."""
        deadline = self._clock.monotonic() + patience
        pause, told = _FIRST_PAUSE, ""
        refused_until: float | None = None
        while True:
            try:
                return attempt()
            except (FabricBusy, FabricUnreachable, MalformedDocument) as error:
                wait = pause * (0.5 + self._chance.fraction() / 2)
                now = self._clock.monotonic()
                if getattr(error, "status", None) not in _REFUSALS:
                    refused_until = None
                elif refused_until is None:
                    refused_until = now + self._refused_patience
                if now + wait > min(deadline, deadline if refused_until is None else refused_until):
                    raise
                if str(error) != told:
                    told = str(error)
                    self._log.warning("fabric.again", what=what, problem=told)
                self._clock.sleep(wait)
                pause = min(pause * _FACTOR, _LONGEST_PAUSE)
