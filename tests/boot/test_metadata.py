"""The metadata service: asked as the platform wants it, with patience where that helps; and merged with the media."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.boot.fabrics import Platform
from tests.wire.test_imdsprovisioning import DOCUMENT

from limpet.boot.metadata import ask_metadata
from limpet.guest.sources import doubts, merged
from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricError, MalformedDocument
from limpet.model.metadata import ProvisioningMetadata
from limpet.model.provisioning import OvfEnvironment, PublicKey
from limpet.model.secret import Secret
from limpet.wire.http import Request, Response

BODY = json.dumps(DOCUMENT).encode()
KEY, OTHER = PublicKey(path="", value="ssh-ed25519 A"), PublicKey(path="", value="ssh-ed25519 B")
METADATA = ProvisioningMetadata(
    user_name="alice",
    host_name="vm-imds",
    disable_password_authentication=True,
    public_keys=(OTHER,),
    user_data=Secret("aW1kcw=="),
    macs=("00155d010203",),
)
MEDIA = OvfEnvironment(
    host_name="vm-media",
    user_name="bob",
    user_password=Secret("Example-Pw-1"),
    custom_data=Secret("bWVkaWE="),
    disable_ssh_password_authentication=False,
    public_keys=(KEY,),
)


def asked(machine: FakeMachine, patience: float = 300.0) -> ProvisioningMetadata:
    return ask_metadata(machine.http, machine.clock, machine.chance, machine.log, patience=patience)


def serving(**members: object) -> tuple[FakeMachine, Platform]:
    machine = FakeMachine()
    platform = Platform(machine.clock, **{"metadata": BODY, **members})  # type: ignore[arg-type]
    machine.http.served = platform
    return machine, platform


def test_one_request_is_enough() -> None:
    machine, platform = serving()
    assert asked(machine).user_name == "alice"
    assert len(platform.asked) == 1


def test_an_older_service_is_asked_as_it_understands() -> None:
    def old(request: Request) -> Response:
        return Response(status=200, body=BODY) if "2019-06-01" in request.url else Response(status=400)

    machine = FakeMachine()
    machine.http.served = old
    assert asked(machine).user_name == "alice"
    assert len(machine.http.requests) == 2


@pytest.mark.parametrize("ill", [404, 410, 429, 500, 503, "Connection refused"])
def test_a_service_that_is_not_ready_yet_is_waited_for(ill: int | str) -> None:
    machine, platform = serving(ill=ill)
    machine.clock.after(120.0, platform.recover)
    begun = machine.clock.monotonic()
    assert asked(machine).user_name == "alice"
    assert 120.0 <= machine.clock.monotonic() - begun <= 123.0


@pytest.mark.parametrize(
    ("ill", "reason", "waits"),
    [
        (404, "http error 404 querying IMDS", True),
        ("Connection refused", "connection error querying IMDS", True),
        (401, "http error 401 querying IMDS", False),
        (400, "http error 400 querying IMDS", False),
    ],
)
def test_the_reason_is_one_that_support_knows(ill: int | str, reason: str, waits: bool) -> None:
    machine, _ = serving(ill=ill)
    begun = machine.clock.monotonic()
    with pytest.raises(FabricError, match=reason):
        asked(machine)
    assert (machine.clock.monotonic() - begun > 290.0) is waits


def test_a_document_that_cannot_be_read_is_a_reason() -> None:
    machine, _ = serving(metadata=b"{")
    with pytest.raises(MalformedDocument, match="error parsing IMDS metadata"):
        asked(machine)


def test_metadata_alone_makes_a_wish() -> None:
    wish = merged(None, METADATA)
    assert (wish.host_name, wish.user_name, wish.user_password) == ("vm-imds", "alice", None)
    assert (wish.public_keys, wish.custom_data) == ((OTHER,), Secret("aW1kcw=="))
    assert wish.disable_ssh_password_authentication is True
    assert wish.platform.provision_guest_agent is True


def test_the_media_counts_where_both_say_something() -> None:
    assert merged(MEDIA, METADATA) == MEDIA
    assert merged(MEDIA, None) == MEDIA


def test_metadata_fills_what_the_media_leaves_out() -> None:
    bare = replace(
        MEDIA, user_name=None, custom_data=None, disable_ssh_password_authentication=None, public_keys=()
    )
    wish = merged(bare, METADATA)
    assert (wish.host_name, wish.user_name, wish.public_keys) == ("vm-media", "alice", (OTHER,))
    assert (wish.custom_data, wish.disable_ssh_password_authentication) == (Secret("aW1kcw=="), True)
    assert wish.user_password == Secret("Example-Pw-1")


@pytest.mark.parametrize("metadata", [None, ProvisioningMetadata()])
def test_without_a_name_from_anywhere_there_is_no_wish(metadata: ProvisioningMetadata | None) -> None:
    with pytest.raises(MalformedDocument):
        merged(None, metadata)


def test_what_does_not_fit_together_is_told() -> None:
    assert doubts(MEDIA, METADATA, ["00155d010203"]) == ()
    assert "00155dffffff" in doubts(MEDIA, METADATA, ["00155d010203", "00155dffffff"])[0]
    assert "hasCustomData" in doubts(None, replace(METADATA, has_custom_data=True))[0]
    assert doubts(MEDIA, replace(METADATA, has_custom_data=True)) == ()
    assert doubts(MEDIA, None) == ()
