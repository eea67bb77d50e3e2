"""The emulator's pure core as the network of a machine in memory: requests in, responses out, no sockets."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from limpet.emulator.exchange import Call, Reply, Service
from limpet.emulator.faults import Facts, Fault, Rule, decide, with_rule
from limpet.emulator.routes import table
from limpet.emulator.routes.context import Context
from limpet.emulator.routes.dispatch import answer
from limpet.emulator.storage.hosting import host_package
from limpet.emulator.world.goalstates import Publication, new_vm, publish
from limpet.emulator.world.identity import Identity
from limpet.emulator.world.state import Settings, World
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.emulator.storage.packages import HostedPackage
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.host.ports import Clock
    from limpet.wire.certificates import Cipher
    from limpet.wire.http import Request

VM = "vm"
ADDRESS = "10.0.0.4"
ENDPOINT = "168.63.129.16"
NAMED = "fabric.example"
STORAGE = "storage.example"
SERVICES = {
    ENDPOINT: Service.WIRE_SERVER,
    f"{ENDPOINT}:80": Service.WIRE_SERVER,
    f"{ENDPOINT}:32526": Service.HOST_PLUGIN,
    "169.254.169.254": Service.IMDS,
    STORAGE: Service.STORAGE,
}


class NamedKeys:
    """A sealer whose bundles the fake vault opens: recipients and thumbprints by name. recipient: somebody else."""

    recipient: str | None = None

    def encrypt_bundle(
        self, certificates: Sequence[Any], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        recipient = self.recipient or base64.b64encode(transport_certificate_der).decode()
        content = {certificate.thumbprint: True for certificate in certificates}
        return json.dumps({"recipient": recipient, "content": content}).encode()

    def encrypt_to(self, transport_certificate_der: bytes, plaintext: bytes, cipher: Cipher) -> bytes:
        raise ValueError("not played here")


def certificate(thumbprint: str) -> Any:
    return SimpleNamespace(thumbprint=thumbprint)


@dataclass
class Elsewhere:
    """What reaches the wire server by its name too, as downloads do. asked: what came so."""

    reach: Callable[[Request], Response]
    asked: list[str] = field(default_factory=list)

    def exchange(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        if parts.netloc == NAMED:
            self.asked.append(request.url)
            real = parts._replace(scheme="http", netloc=f"{ENDPOINT}:80")
            request = replace(request, url=real.geturl())
        return self.reach(request)


@dataclass
class Core:
    """A fabric with one VM. asked: every request with the name of its endpoint, in order."""

    clock: Clock
    world: World
    asked: list[tuple[str, Request]] = field(default_factory=list)
    altered: dict[str, Callable[[Response], Response]] = field(default_factory=dict)
    sealer: Any = field(default_factory=NamedKeys)

    @classmethod
    def start(cls, clock: Clock, *, thumbprints: Sequence[str] = (), **settings: Any) -> Core:
        empty = World(settings=Settings(storage=f"http://{STORAGE}", **settings))
        identity = Identity(name=VM, seed="scenario", address=ADDRESS)
        certificates = tuple(map(certificate, thumbprints))
        return cls(clock, empty.with_vm(new_vm(empty, identity, clock.now(), certificates=certificates)))

    @property
    def vm(self) -> VirtualMachine:
        return self.world.vm(VM)

    def become(self, vm: VirtualMachine) -> None:
        self.world = self.world.with_vm(vm)

    def host(self, package: HostedPackage) -> None:
        self.world = host_package(self.world, package, self.clock.now())

    def publish(self, publication: Publication) -> None:
        self.world = publish(self.world, VM, publication, self.clock.now())

    def fail(self, endpoint: str, count: int | None = None, **fault: Any) -> None:
        """Let the next `count` exchanges with an endpoint go wrong."""
        rule = Rule(endpoint=endpoint, fault=Fault(**fault), count=count)
        self.world = replace(self.world, faults=with_rule(self.world.faults, rule))

    def heal(self) -> None:
        self.world = replace(self.world, faults=())
        self.altered.clear()

    def alter(self, endpoint: str, body: bytes | Callable[[bytes], bytes]) -> None:
        """Let answers of an endpoint have another body."""

        def change(response: Response) -> Response:
            return replace(response, body=body(response.body) if callable(body) else body)

        self.altered[endpoint] = change

    def name_parts(self, scheme: str) -> None:
        """Let the parts of the goal state be located by a name. It is `Elsewhere` that reaches them."""
        real, named = f"http://{ENDPOINT}:80/".encode(), f"{scheme}://{NAMED}/".encode()
        self.alter("goal-state", lambda body: body.replace(real, named))

    def count(self, endpoint: str) -> int:
        return sum(name == endpoint for name, _ in self.asked)

    def exchange(self, request: Request) -> Response:
        """What Http and Fetcher do, over the pure core. Raises: FabricUnreachable."""
        parts = urlsplit(request.url)
        service = SERVICES.get(parts.netloc)
        if service is None:
            raise FabricUnreachable(f"{request.method} {parts.netloc}: no such host")
        call = Call(
            service=service,
            source=ADDRESS,
            method=request.method,
            target=f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/",
            headers=tuple(request.headers.items()),
            body=request.body,
        )
        endpoint = table.find(call, self.world.settings.storage_prefix)
        name = endpoint.name if endpoint is not None else table.UNKNOWN
        self.asked.append((name, request))
        facts = Facts(vm=VM, service=service.value, endpoint=name, method=call.method, path=call.path)
        rules, fault = decide(self.world.faults, facts)
        self.world = replace(self.world, faults=rules)
        reply = self._reply(endpoint, call, fault, request)
        headers = {name.lower(): value for name, value in reply.headers}
        response = Response(status=reply.status, headers=headers, body=reply.body)
        return self.altered[name](response) if name in self.altered else response

    def _reply(
        self, endpoint: table.Endpoint | None, call: Call, fault: Fault | None, request: Request
    ) -> Reply:
        if fault is not None:
            self.clock.sleep(min(fault.delay, request.timeout))
            if fault.status is not None:
                return Reply(status=fault.status, body=fault.body.encode())
            if fault.refused:
                raise FabricUnreachable(f"{call.method} {call.path}: Connection refused")
        self.world, reply = answer(
            self.world, endpoint, call, Context(now=self.clock.now(), sealer=self.sealer)
        )
        if fault is not None and (fault.endless or fault.delay >= request.timeout):
            self.clock.sleep(request.timeout)
            raise FabricUnreachable(f"{call.method} {call.path}: no end within {request.timeout:g} s")
        if fault is not None and (fault.garbage or fault.cut is not None):
            raise FabricUnreachable(f"{call.method} {call.path}: not a complete HTTP answer")
        return reply
