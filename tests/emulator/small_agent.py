"""The least of an agent, made of the wire's documents: takes its goal state, opens settings, reports."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from tests.emulator.openssl import openssl, pem_blocks

from limpet.model.extensions import ExtensionsGoalState, Wanted
from limpet.model.status import (
    AgentStatus,
    ExtensionState,
    ExtensionStatus,
    GoalStateAggregate,
    GuestInfo,
    HandlerStatus,
    Message,
    SettingsStatus,
)
from limpet.wire import certificates, goalstate, manifest
from limpet.wire.extensionsconfig import parse_extensions_config
from limpet.wire.statusblob import render_status
from limpet.wire.storage import block_blob_request

if TYPE_CHECKING:
    from tests.emulator.openssl import Transport

    from limpet.model.extensions import Handler
    from limpet.model.goalstate import GoalState
    from limpet.wire.http import Request

NOW = "2026-01-01T00:00:00Z"
PLENTY = 120.0


@dataclass
class SmallAgent:
    """wire: the wire server's address."""

    wire: str

    def ask(self, request: Request) -> httpx.Response:
        answer = httpx.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.body,
            trust_env=False,
            timeout=PLENTY,
        )
        return answer.raise_for_status()

    def post(self, path: str, body: str, **headers: str) -> httpx.Response:
        return httpx.post(
            f"http://{self.wire}{path}",
            headers={"Content-Type": "application/json", **headers},
            content=body.encode(),
            trust_env=False,
            timeout=PLENTY,
        ).raise_for_status()

    def goal_state(self) -> GoalState:
        return goalstate.parse_goal_state(self.ask(goalstate.goal_state_request(self.wire)).content)

    def extensions(self) -> ExtensionsGoalState:
        state = self.goal_state()
        assert state.extensions_config is not None
        body = self.ask(goalstate.document_request(state.extensions_config)).content
        return parse_extensions_config(body, state.incarnation)

    def package(self, handler: Handler) -> bytes:
        """The newest package of a handler."""
        body = httpx.get(handler.manifest_uris[0], trust_env=False, timeout=PLENTY).raise_for_status().content
        newest = max(manifest.parse_manifest(body), key=lambda each: each.version)
        return httpx.get(newest.uris[0], trust_env=False, timeout=PLENTY).raise_for_status().content

    def opened(self, handler: Handler, transport: Transport, cipher: certificates.Cipher) -> Any:
        """The protected settings of a handler's first extension, by way of the bundle."""
        state = self.goal_state()
        assert state.certificates is not None
        presented = base64.b64encode(transport.der).decode()
        answer = self.ask(certificates.certificates_request(state.certificates, presented, cipher))
        bundle = transport.decrypted(certificates.parse_certificate_file(answer.content).data)
        pem = openssl("pkcs12", "-nodes", "-password", "pass:", stdin=bundle).decode()
        key = transport.key.with_name("tenant.pem")
        key.write_text(pem_blocks(pem, "PRIVATE KEY")[0], encoding="ascii")
        protected = handler.settings[0].protected
        assert protected is not None
        content = base64.b64decode(protected.reveal())
        return json.loads(openssl("cms", "-decrypt", "-inform", "DER", "-inkey", key, stdin=content))

    def report(self, word: ExtensionState = ExtensionState.SUCCESS, message: str = "done") -> None:
        """Say of every handler that is to stay that it ended with `word`."""
        state = self.extensions()
        assert state.status_upload is not None
        aggregate = GoalStateAggregate(
            status="Success",
            code=0,
            message=Message(message="as wanted"),
            svd_sequence_number=state.svd_sequence_number,
            finished=NOW,
        )
        status = AgentStatus(
            timestamp=NOW,
            guest=GuestInfo(computer_name="vm", os_name="debian", os_version="12", agent_version="9.9"),
            message=Message(message="here"),
            handlers=tuple(
                _entry(handler, word, message)
                for handler in state.handlers
                if handler.wanted is not Wanted.UNINSTALL
            ),
            goal_state=aggregate,
        )
        self.ask(block_blob_request(state.status_upload.url.reveal(), render_status(status), NOW))


def _entry(handler: Handler, word: ExtensionState, message: str) -> HandlerStatus:
    settings = None
    if handler.settings:
        settings = SettingsStatus(
            name=handler.name,
            sequence_number=handler.settings[0].sequence_number,
            status=ExtensionStatus(status=word, message=Message(message=message)),
        )
    disabled = handler.wanted is Wanted.DISABLED
    return HandlerStatus(
        name=handler.name,
        version=handler.version,
        status="NotReady" if disabled else "Ready",
        settings=settings,
    )
