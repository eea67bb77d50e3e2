"""What a route is given beside the world and the call: the time, and encryption to a client; and answers that several share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from limpet.emulator.exchange import XML, Call, Objection, Reply
from limpet.model.goalstate import PROTOCOL_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.emulator.certificates.pki import TenantCertificate
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.wire.certificates import Cipher


class Sealer(Protocol):
    """Encryption to a client's transport certificate. Both raise ValueError when the certificate is not usable."""

    def encrypt_bundle(
        self, certificates: Sequence[TenantCertificate], transport_certificate_der: bytes, cipher: Cipher
    ) -> bytes:
        """The tenant certificates and their keys as CMS EnvelopedData in DER."""

    def encrypt_to(self, transport_certificate_der: bytes, plaintext: bytes, cipher: Cipher) -> bytes:
        """`plaintext` as CMS EnvelopedData in DER."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """now: seconds since 1970."""

    now: float
    sealer: Sealer


if TYPE_CHECKING:
    Route = Callable[[World, VirtualMachine, Call, Context], tuple[World, Reply]]


def version_objections(call: Call) -> tuple[Objection, ...]:
    """The wire server refuses whoever does not say which protocol it speaks. Source: wire-protocol.md §1.6."""
    given = call.header("x-ms-version")
    if given == PROTOCOL_VERSION:
        return ()
    return (Objection(status=400, message=f"x-ms-version should be {PROTOCOL_VERSION}"),)


def text(status: int, message: str) -> Reply:
    """A short answer in plain text."""
    return Reply(
        status=status,
        body=message.encode(),
        headers=(("Content-Type", "text/plain; charset=utf-8"),),
    )


def document(body: bytes, *, remarks: tuple[str, ...] = (), objections: tuple[Objection, ...] = ()) -> Reply:
    """An XML document."""
    return Reply(body=body, headers=(XML,), remarks=remarks, objections=objections)
