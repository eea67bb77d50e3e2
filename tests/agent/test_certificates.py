"""Certificates: fetched for each change, waited for by who needs them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import LIBRARY, PLUGIN, WIRE, ports

from limpet.agent.certificates import LONGEST_WAIT, Certificates
from limpet.agent.fabric import Fabric
from limpet.host.fake import FakeMachine
from limpet.model.errors import HandlerError
from limpet.model.goalstate import CertificateBundle
from limpet.model.ids import Thumbprint, Url
from limpet.wire.certificates import render_certificate_file
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.wire.http import Request

A, B = Thumbprint("A" * 40), Thumbprint("B" * 40)
URL = Url(f"http://{WIRE}/machine/c/i?comp=certificates")


class Bundles:
    """A fabric that gives these bundles in turn; None is a failure, the last stays."""

    def __init__(self, fake: FakeMachine, *bundles: Mapping[str, bool] | None) -> None:
        self.left = list(bundles)
        self.fake = fake
        self.ciphers: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.ciphers.append(request.headers["x-ms-cipher-name"])
        content = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if content is None:
            return Response(status=400)
        certificate = request.headers["x-ms-guest-agent-public-x509-cert"]
        base64.b64decode(certificate, validate=True)
        data = self.fake.vault.bundle(content, certificate=certificate)
        return Response(
            status=200,
            body=render_certificate_file(
                CertificateBundle(incarnation=None, format="Pkcs7BlobWithPfxContents", data=data)
            ),
        )


def fetching(*bundles: Mapping[str, bool] | None) -> tuple[FakeMachine, Certificates, Bundles]:
    fake = FakeMachine()
    served = Bundles(fake, *bundles)
    fake.http.served = served
    fabric = Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN)
    return fake, Certificates(fabric, ports(fake), library=LIBRARY), served


def needed(*thumbprints: Thumbprint) -> frozenset[Thumbprint]:
    return frozenset(thumbprints)


def test_certificates_with_keys_are_the_ones_that_count() -> None:
    _, certificates, served = fetching({A: True, B: False})
    certificates.expect(needed())
    certificates.fetch(URL)
    assert certificates.thumbprints == {A}
    assert served.ciphers == ["AES128_CBC"]
    certificates.wait_for(A)


def test_the_second_cipher_is_tried_when_the_first_fails() -> None:
    _, certificates, served = fetching(None, {A: True})
    certificates.fetch(URL)
    assert served.ciphers == ["AES128_CBC", "DES_EDE3_CBC"]
    assert certificates.thumbprints == {A}
    assert not certificates.failed


def test_a_failure_with_both_is_told_to_who_needs_one() -> None:
    _, certificates, _ = fetching(None)
    certificates.fetch(URL)
    assert certificates.failed
    with pytest.raises(HandlerError, match="no certificates with either cipher"):
        certificates.wait_for(A)


def test_who_needs_a_certificate_waits_for_a_second_fetch_but_not_for_a_third() -> None:
    fake, certificates, _ = fetching({}, {}, {A: True})
    certificates.expect(needed(A))
    fake.clock.after(1, lambda: certificates.fetch(URL))
    fake.clock.after(4, lambda: certificates.fetch(URL))
    began = fake.clock.monotonic()
    with pytest.raises(HandlerError, match="the fabric did not send it"):
        certificates.wait_for(A)
    assert 4 <= fake.clock.monotonic() - began < 5


def test_a_certificate_of_the_second_fetch_is_in_time() -> None:
    fake, certificates, _ = fetching(None, None, {A: True})
    certificates.expect(needed(A))
    fake.clock.after(1, lambda: certificates.fetch(URL))
    fake.clock.after(4, lambda: certificates.fetch(URL))
    certificates.wait_for(A)
    assert not certificates.awaited


def test_waiting_ends_even_when_nobody_fetches() -> None:
    fake, certificates, _ = fetching({})
    certificates.expect(needed(A))
    began = fake.clock.monotonic()
    with pytest.raises(HandlerError):
        certificates.wait_for(A)
    assert LONGEST_WAIT <= fake.clock.monotonic() - began < LONGEST_WAIT + 1


def test_a_key_that_is_here_already_is_not_waited_for() -> None:
    fake, certificates, _ = fetching({})
    fake.files.replace(LIBRARY / f"{A}.prv", b"key")
    certificates.expect(needed(A))
    began = fake.clock.monotonic()
    certificates.wait_for(A)
    assert fake.clock.monotonic() == began


def test_a_goal_state_without_certificates_has_none() -> None:
    _, certificates, served = fetching({A: True})
    certificates.expect(needed())
    certificates.fetch(None)
    assert certificates.thumbprints == frozenset()
    assert served.ciphers == []
    assert not certificates.awaited
