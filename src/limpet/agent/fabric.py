"""The fabric's services as methods, one request each: the document goes in and comes out as a value of `limpet.model`.

It sits on the Http port and knows the answers that ask for another goal state first (FabricStale). It does not decide when to ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.model.errors import FabricBusy, FabricError, FabricStale, FabricUnreachable, MalformedDocument
from limpet.model.ids import Etag
from limpet.wire import (
    certificates,
    extensionsconfig,
    goalstate,
    healthservice,
    hostplugin,
    remoteaccess,
    vmsettings,
)
from limpet.wire.hostplugin import HostPluginIdentity
from limpet.wire.http import Backoff, Request, Response, Verdict, accepted, judge
from limpet.wire.names import is_by_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.agent.machine import Exchanger
    from limpet.host.ports import Clock, Http, Random
    from limpet.model.extensions import ExtensionsGoalState
    from limpet.model.goalstate import CertificateBundle, GoalState
    from limpet.model.health import Observation
    from limpet.model.ids import Incarnation, Url

SETTLING = Backoff(first=0.2, factor=2.0, ceiling=2.0, attempts=4)
"""Patience inside one poll. The poll itself comes again, so it is short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VmSettingsAnswer:
    """What the host plugin said: settings that are new, unchanged (both None), or that it has none to give."""

    settings: ExtensionsGoalState | None = None
    etag: Etag | None = None
    supported: bool = True
    body: bytes = b""


class Fabric:
    """One fabric, at one endpoint. Remembers who this VM is to the host plugin.

    Used from several threads: each exchange is its own, and what was learned is replaced whole.
    """

    def __init__(
        self,
        http: Http,
        clock: Clock,
        chance: Random,
        *,
        wire_server: str,
        host_plugin: str,
        elsewhere: Exchanger | None = None,
    ) -> None:
        """elsewhere: reaches parts of a goal state that are located by a name, or by https. Source: wire-protocol.md §2.1."""
        self.wire_server = wire_server
        self.host_plugin = host_plugin
        self._http = http
        self._elsewhere = elsewhere
        self._clock = clock
        self._chance = chance
        self._latest: GoalState | None = None

    @property
    def latest(self) -> GoalState | None:
        """The goal state that was seen last, by whichever task."""
        return self._latest

    def identity(self) -> HostPluginIdentity:
        """Who this VM is to the host plugin; asks for the goal state when that is not known yet."""
        state = self._latest or self.goal_state()
        return HostPluginIdentity(container_id=state.container_id, config_name=state.config_name)

    def goal_state(self) -> GoalState:
        """The wire server's goal state, now. Raises: FabricError."""
        response = self._patiently(goalstate.goal_state_request(self.wire_server), "goal state")
        self._latest = state = goalstate.parse_goal_state(response.body)
        return state

    def document(self, url: Url, what: str) -> bytes:
        """One of the goal state's parts. Raises: FabricError."""
        return self._patiently(goalstate.document_request(url), what).body

    def extensions_config(self, url: Url, incarnation: Incarnation) -> tuple[ExtensionsGoalState, bytes]:
        """The Fabric channel's extensions, and the document as received. Raises: FabricError."""
        body = self.document(url, "ExtensionsConfig")
        return extensionsconfig.parse_extensions_config(body, incarnation), body

    def vm_settings(self, etag: Etag | None) -> VmSettingsAnswer:
        """The host plugin's goal state. Source: wire-protocol.md §5.3. Raises: FabricError."""
        try:
            return self._vm_settings(etag)
        except FabricStale:
            self.goal_state()
            return self._vm_settings(etag)

    def _vm_settings(self, etag: Etag | None) -> VmSettingsAnswer:
        request = hostplugin.vm_settings_request(self.host_plugin, self.identity(), etag, self._chance.guid())
        response = self._http.exchange(request)
        if response.status == 404:
            return VmSettingsAnswer(supported=False)
        if judge(response) is Verdict.UNCHANGED:
            return VmSettingsAnswer()
        accepted(response, "vmSettings")
        new_etag = response.headers.get("etag")
        if not new_etag:
            raise MalformedDocument("vmSettings", "the answer has no ETag header")
        settings = vmsettings.parse_vm_settings(response.body, Etag(new_etag))
        if not hostplugin.supports_fast_track(settings.host_plugin_version):
            return VmSettingsAnswer(supported=False)
        return VmSettingsAnswer(settings=settings, etag=Etag(new_etag), body=response.body)

    def certificate_bundle(
        self, url: Url, transport_certificate: str, cipher: certificates.Cipher
    ) -> CertificateBundle:
        """The encrypted certificates, for the holder of `transport_certificate`. Raises: FabricError."""
        request = certificates.certificates_request(url, transport_certificate, cipher)
        return certificates.parse_certificate_file(self._patiently(request, "Certificates").body)

    def remote_access(self, url: Url, transport_certificate: str) -> bytes:
        """The list of just-in-time users, passwords encrypted for the holder of `transport_certificate`. Raises: FabricError."""
        request = remoteaccess.remote_access_request(url, transport_certificate)
        return self._patiently(request, "RemoteAccess").body

    def put_status(self, inner: Request) -> int:
        """Send a storage request through the host plugin; gives the answer's code.

        Raises: FabricError; FabricStale after refreshing itself.
        """
        request = hostplugin.status_request(self.host_plugin, self.identity(), inner)
        try:
            return accepted(self._http.exchange(request), "status upload through the host plugin").status
        except FabricStale:
            self.goal_state()
            raise

    def host_plugin_healthy(self) -> bool:
        """Whether the host plugin answers its health probe."""
        try:
            return judge(self._http.exchange(hostplugin.health_request(self.host_plugin))) is Verdict.ACCEPTED
        except FabricUnreachable:
            return False

    def observe(self, observations: Sequence[Observation]) -> None:
        """Tell the host's health service what was seen; its answer does not matter."""
        self.send(healthservice.observations_request(self.wire_server, observations))

    def send(self, request: Request) -> Response | None:
        """Send what may be lost. Gives None when there was no answer."""
        try:
            return self._http.exchange(request)
        except FabricUnreachable:
            return None

    def _patiently(self, request: Request, what: str) -> Response:
        delays = SETTLING.delays(self._chance.fraction)
        exchange = self._http.exchange
        if self._elsewhere is not None and not is_by_address(request.url):
            exchange, request = self._elsewhere.exchange, replace(request, proxied=False)
        while True:
            try:
                return accepted(exchange(request), what)
            except (FabricBusy, FabricUnreachable) as error:
                delay = next(delays, None)
                if delay is None:
                    raise _again(what, error) from error
                self._clock.sleep(delay)


def _again(what: str, error: FabricError) -> FabricError:
    if isinstance(error, FabricBusy):
        return FabricBusy(f"{error}, {SETTLING.attempts} times", status=error.status)
    return FabricUnreachable(f"{what}: {error}, {SETTLING.attempts} times")
