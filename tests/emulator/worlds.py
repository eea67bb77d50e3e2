"""A small world, and calls on it, for the emulator's tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from limpet.emulator.exchange import Call, Reply, Service
from limpet.emulator.routes import table
from limpet.emulator.routes.context import Context
from limpet.emulator.routes.dispatch import answer
from limpet.emulator.world.changes import Change, NewSettings
from limpet.emulator.world.goalstates import Publication, new_vm, publish
from limpet.emulator.world.identity import Identity
from limpet.emulator.world.state import Settings, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from limpet.emulator.world.vm import VirtualMachine
    from limpet.wire.certificates import Cipher

NOW = 1_800_000_000.0
ADDRESS = "10.0.0.4"
NAME = "vm1"
MANIFEST = "http://storage.example/manifest.xml"


class OpenSealer:
    """Encrypts nothing: what would be sealed can be read by the test."""

    def encrypt_bundle(
        self, certificates: Sequence[Any], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        names = " ".join(certificate.thumbprint for certificate in certificates)
        return b"|".join([cipher.value.encode(), transport_certificate_der, names.encode()])

    def encrypt_to(self, transport_certificate_der: bytes, plaintext: bytes, cipher: Cipher) -> bytes:
        return b"|".join([cipher.value.encode(), transport_certificate_der, plaintext])


def certificate(name: str = "A") -> Any:
    return SimpleNamespace(thumbprint=name * 40)


def world(settings: Settings | None = None) -> World:
    """A world with one VM that was just created."""
    empty = World(settings=settings or Settings())
    identity = Identity(name=NAME, seed="test", address=ADDRESS)
    return empty.with_vm(new_vm(empty, identity, NOW, certificates=(certificate(),)))


def change(handler: str = "Acme.Sample", version: str = "1.0.0", **members: Any) -> Change:
    members.setdefault("settings", NewSettings(public={"k": "v"}))
    return Change(handler=handler, version=version, manifest_uris=(MANIFEST,), **members)  # type: ignore[arg-type]


def published(start: World, *changes: Change, at: float = NOW + 1, **members: Any) -> World:
    return publish(start, NAME, Publication(changes=changes, **members), at)


@dataclass
class Client:
    """Calls on a world that is carried from answer to answer."""

    world: World
    now: float = NOW + 10
    source: str = ADDRESS
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def vm(self) -> VirtualMachine:
        return self.world.vm(NAME)

    def call(
        self,
        service: Service,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        call = Call(
            service=service,
            source=self.source,
            method=method,
            target=target,
            headers=tuple({**self.headers, **(headers or {})}.items()),
            body=body,
        )
        endpoint = table.find(call, self.world.settings.storage_prefix)
        self.world, reply = answer(self.world, endpoint, call, Context(now=self.now, sealer=OpenSealer()))
        return reply

    def wire(self, method: str, target: str, /, body: bytes = b"", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {"x-ms-agent-name": "WALinuxAgent", "x-ms-version": "2012-11-30"}
        return self.call(Service.WIRE_SERVER, method, target, body, {**known, **named})

    def plugin(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        identity = self.vm.identity
        known = {
            "x-ms-version": "2015-09-01",
            "x-ms-containerid": identity.container_id,
            "x-ms-host-config-name": identity.config_name,
        }
        return self.call(Service.HOST_PLUGIN, method, path, body, {**known, **(headers or {})})

    def blob(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        target = "/" + url.split("/", 3)[3]
        return self.call(Service.WIRE_SERVER, method, target, body, headers)

    def later(self, seconds: float) -> Client:
        return replace(self, now=self.now + seconds)


def header(reply: Reply, name: str) -> str | None:
    return next((value for key, value in reply.headers if key.lower() == name.lower()), None)


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]
