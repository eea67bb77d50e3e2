from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.emulator.worlds import ADDRESS, NAME, Client, certificate, change, path_of, published, world

from limpet.emulator.world.changes import NewSettings
from limpet.emulator.world.goalstates import StatusBlob, hibernate, list_users, rotate_certificates
from limpet.emulator.world.vm import JitUser
from limpet.model.extensions import Source, Wanted
from limpet.model.ids import Incarnation
from limpet.model.secret import Secret
from limpet.wire.certificates import parse_certificate_file
from limpet.wire.extensionsconfig import parse_extensions_config
from limpet.wire.goalstate import parse_goal_state, parse_versions
from limpet.wire.hostingenvironment import parse_hosting_environment
from limpet.wire.remoteaccess import parse_remote_access
from limpet.wire.sharedconfig import parse_shared_config

if TYPE_CHECKING:
    from limpet.model.goalstate import GoalState

TRANSPORT = base64.b64encode(b"transport").decode()


def goal_state(client: Client) -> GoalState:
    reply = client.wire("GET", "/machine/?comp=goalstate")
    assert reply.status == 200
    return parse_goal_state(reply.body)


def get(client: Client, url: str | None, **headers: str) -> bytes:
    assert url is not None
    reply = client.wire("GET", path_of(url), b"", **headers)
    assert reply.status == 200, reply.body
    return reply.body


def test_the_protocol_version_of_agents_is_among_those_offered() -> None:
    reply = Client(world()).wire("GET", "/?comp=versions")
    assert parse_versions(reply.body).accept("2012-11-30")


def test_a_new_vm_has_a_goal_state_with_nothing_to_run() -> None:
    client = Client(world())
    state = goal_state(client)
    config = parse_extensions_config(get(client, state.extensions_config), state.incarnation)
    assert state.incarnation == "1"
    assert config.handlers == ()
    assert config.source is Source.FABRIC
    assert config.status_upload is not None


def test_every_document_of_a_goal_state_is_served() -> None:
    client = Client(world())
    state = goal_state(client)
    environment = parse_hosting_environment(get(client, state.hosting_environment))
    shared = parse_shared_config(get(client, state.shared_config))
    assert environment.instance_name == shared.instance_name == f"_{NAME}"
    assert shared.addresses == ((f"_{NAME}", ADDRESS),)
    assert state.deployment_id == client.vm.identity.deployment_id
    assert client.wire("GET", path_of(state.full_config or "")).status == 404


def test_urls_spell_the_instance_id_as_the_fabric_does() -> None:
    state = goal_state(Client(world()))
    assert f"%5F{NAME}" in state.shared_config
    assert "%2D" in state.shared_config


def test_what_is_published_by_fabric_is_in_the_extensions_config_under_the_next_incarnation() -> None:
    client = Client(published(world(), change(wanted=Wanted.ENABLED)))
    state = goal_state(client)
    config = parse_extensions_config(get(client, state.extensions_config), state.incarnation)
    (handler,) = config.handlers
    assert state.incarnation == "2"
    assert config.id == "incarnation_2"
    assert (handler.name, handler.version, handler.wanted) == ("Acme.Sample", "1.0.0", Wanted.ENABLED)
    assert handler.settings[0].public == {"k": "v"}


def test_an_older_incarnation_keeps_its_content_while_it_is_served() -> None:
    client = Client(published(world(), change()))
    old = goal_state(client)
    client.world = published(client.world, change(version="2.0.0"))
    config = parse_extensions_config(get(client, old.extensions_config), old.incarnation)
    assert config.handlers[0].version == "1.0.0"


def test_an_incarnation_long_past_is_gone() -> None:
    client = Client(published(world(), change()))
    old = goal_state(client)
    for _ in range(20):
        client.world = published(client.world, change())
    assert client.wire("GET", path_of(old.extensions_config or "")).status == 410


def test_documents_of_a_former_container_are_gone() -> None:
    client = Client(world())
    old = goal_state(client)
    client.world = client.world.with_vm(hibernate(client.vm, certificate("B")))
    new = goal_state(client)
    assert new.incarnation == old.incarnation
    assert new.container_id != old.container_id
    assert new.deployment_id != old.deployment_id
    assert client.wire("GET", path_of(old.extensions_config or "")).status == 410
    assert client.wire("GET", path_of(new.extensions_config or "")).status == 200


def test_rotation_changes_the_incarnation_and_the_bundle_and_nothing_else() -> None:
    client = Client(published(world(), change()))
    old = goal_state(client)
    before = parse_extensions_config(get(client, old.extensions_config), Incarnation("x"))
    client.world = client.world.with_vm(rotate_certificates(client.vm, certificate("B"), retire=False))
    new = goal_state(client)
    after = parse_extensions_config(get(client, new.extensions_config), Incarnation("x"))
    assert new.incarnation != old.incarnation
    assert (after.handlers, after.created) == (before.handlers, before.created)
    assert _bundle(client, new).split(b"|")[2] == b"B" * 40 + b" " + b"A" * 40


def test_retired_certificates_are_not_in_the_bundle() -> None:
    client = Client(world())
    client.world = client.world.with_vm(rotate_certificates(client.vm, certificate("B"), retire=True))
    assert _bundle(client, goal_state(client)).split(b"|")[2] == b"B" * 40


def _bundle(client: Client, state: GoalState, cipher: str = "AES128_CBC") -> bytes:
    body = get(
        client,
        state.certificates,
        x_ms_guest_agent_public_x509_cert=TRANSPORT,
        x_ms_cipher_name=cipher,
    )
    return parse_certificate_file(body).data


@pytest.mark.parametrize("cipher", ["AES128_CBC", "DES_EDE3_CBC"])
def test_the_bundle_is_encrypted_to_the_certificate_and_with_the_cipher_of_the_request(cipher: str) -> None:
    client = Client(world())
    assert _bundle(client, goal_state(client), cipher).split(b"|")[:2] == [cipher.encode(), b"transport"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "is missing"),
        ({"x_ms_guest_agent_public_x509_cert": "%%%"}, "not base64"),
        ({"x_ms_guest_agent_public_x509_cert": TRANSPORT, "x_ms_cipher_name": "ROT13"}, "not supported"),
    ],
)
def test_certificates_are_refused_with_a_reason(headers: dict[str, str], reason: str) -> None:
    client = Client(world())
    state = goal_state(client)
    reply = client.wire("GET", path_of(state.certificates or ""), b"", **headers)
    assert reply.status == 400
    assert reason in reply.body.decode()


def test_just_in_time_users_come_by_a_new_incarnation_with_their_passwords_in_utf_16() -> None:
    client = Client(world())
    assert goal_state(client).remote_access is None
    user = JitUser(name="jit", password=Secret("pass"), expiration="Tue, 01 Jan 2030 00:00:00 GMT")
    client.world = client.world.with_vm(list_users(client.vm, (user,)))
    state = goal_state(client)
    body = get(
        client,
        state.remote_access,
        x_ms_guest_agent_public_x509_cert=TRANSPORT,
        x_ms_cipher_name="AES128_CBC",
    )
    (found,) = parse_remote_access(body).users
    assert state.incarnation == "2"
    assert (found.name, found.expiration) == ("jit", user.expiration)
    assert found.encrypted_password.split(b"|", 2)[2] == "pass".encode("utf-16-le")


def test_protected_settings_reach_the_document_as_they_were_encrypted() -> None:
    settings = NewSettings(public=None, protected=Secret("MII="), thumbprint="A" * 40)  # type: ignore[arg-type]
    client = Client(published(world(), change(settings=settings)))
    state = goal_state(client)
    config = parse_extensions_config(get(client, state.extensions_config), state.incarnation)
    assert config.handlers[0].settings[0].protected == Secret("MII=")
    assert config.thumbprints == {"A" * 40}


def test_a_goal_state_without_a_status_blob_can_be_published() -> None:
    client = Client(published(world(), status_blob=StatusBlob.ABSENT))
    state = goal_state(client)
    config = parse_extensions_config(get(client, state.extensions_config), state.incarnation)
    assert config.status_upload is None


def test_a_request_without_the_protocol_version_is_answered_and_remarked_upon() -> None:
    reply = Client(world()).wire("GET", "/machine/?comp=goalstate", x_ms_version="")
    assert reply.status == 200
    assert any("x-ms-version" in remark for remark in reply.remarks)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("POST", "/machine/?comp=goalstate"),
        ("GET", "/machine/?comp=nothing"),
        ("GET", "//machine/?comp=goalstate&x=%ff/../.."),
        ("GET", "/machine/a"),
        ("GET", "*"),
    ],
)
def test_what_is_no_endpoint_is_not_found(method: str, target: str) -> None:
    assert Client(world()).wire(method, target).status in {404, 200 if target.startswith("//") else 404}


def test_an_unknown_address_learns_what_to_do() -> None:
    reply = Client(world(), source="10.9.9.9").wire("GET", "/machine/?comp=goalstate")
    assert reply.status == 404
    assert b"10.9.9.9" in reply.body
