from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.emulator.worlds import ADDRESS, NAME, Client, world

from limpet.emulator.exchange import Reply, Service
from limpet.emulator.world.metadata import VERSIONS
from limpet.emulator.world.vm import Account, Nic
from limpet.model.secret import Secret
from limpet.wire.imds import parse_compute, parse_instance


def get(client: Client, target: str, headers: dict[str, str] | None = None) -> Reply:
    return client.call(
        Service.IMDS, "GET", target, headers={"Metadata": "True"} if headers is None else headers
    )


def instance(client: Client, version: str, more: str = "") -> dict[str, Any]:
    reply = get(client, f"/metadata/instance?api-version={version}{more}")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = json.loads(reply.body)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_instance_document_satisfies_agents_in_every_version(version: str) -> None:
    client = Client(world())
    reply = get(client, f"/metadata/instance?api-version={version}")
    found = parse_instance(reply.body)
    assert found.compute.name == NAME
    assert found.compute.vm_id == client.vm.identity.vm_id
    assert found.interfaces[0].private_addresses == (ADDRESS,)
    assert found.interfaces[0].subnets == (("10.0.0.0", 24),)


def test_the_compute_document_is_a_part_of_it() -> None:
    client = Client(world())
    reply = get(client, "/metadata/instance/compute?api-version=2018-02-01")
    assert parse_compute(reply.body) == client.vm.compute


@pytest.mark.parametrize("version", ["2021-08-01", "2023-11-15"])
def test_provisioning_facts_are_in_the_versions_that_clients_ask_for(version: str) -> None:
    client = Client(world())
    account = Account(
        user_name="ada", computer_name="box", public_keys=("ssh-ed25519 AAAA",), user_data="eA=="
    )
    client.world = client.world.with_vm(replace(client.vm, account=account))
    found = instance(client, version, "&extended=true")
    compute = found["compute"]
    assert compute["osProfile"] == {
        "adminUsername": "ada",
        "computerName": "box",
        "disablePasswordAuthentication": "true",
    }
    assert compute["publicKeys"] == [
        {"keyData": "ssh-ed25519 AAAA", "path": "/home/ada/.ssh/authorized_keys"}
    ]
    assert compute["userData"] == "eA=="
    assert found["extended"]["compute"] == {"hasCustomData": False, "ppsType": "None"}


def test_what_newer_versions_have_older_ones_have_not() -> None:
    client = Client(world())
    assert "publicKeys" not in instance(client, "2018-02-01")["compute"]
    assert "osProfile" not in instance(client, "2019-06-01")["compute"]
    assert "extended" not in instance(client, "2021-08-01")
    assert "extended" not in instance(client, "2019-06-01", "&extended=true")


def test_every_nic_is_told_with_its_mac_the_primary_one_first() -> None:
    client = Client(world())
    more = (Nic(mac="000D3A0000FF", address="10.0.1.9"),)
    client.world = client.world.with_vm(replace(client.vm, more_nics=more))
    found = parse_instance(get(client, "/metadata/instance?api-version=2023-11-15").body)
    assert [(nic.mac, nic.private_addresses, nic.subnets) for nic in found.interfaces] == [
        ("000D3A000004", (ADDRESS,), (("10.0.0.0", 24),)),
        ("000D3A0000FF", ("10.0.1.9",), (("10.0.1.0", 24),)),
    ]


def test_members_only_ever_come_with_newer_versions() -> None:
    client = Client(world())
    known: set[str] = set()
    for version in VERSIONS:
        members = set(instance(client, version)["compute"])
        assert known <= members
        known = members
    assert {"osProfile", "publicKeys", "userData", "storageProfile", "physicalZone"} <= known


def test_versions_are_told_without_one() -> None:
    reply = get(Client(world()), "/metadata/versions")
    assert json.loads(reply.body) == {"apiVersions": list(VERSIONS)}
    assert VERSIONS[-1] >= "2023-11-15"


def test_reprovision_data_is_there_when_the_vm_was_given_to_somebody() -> None:
    client = Client(world())
    target = "/metadata/reprovisiondata?api-version=2019-06-01"
    assert get(client, target).status == 404
    assert get(client, "/metadata/reprovisiondata").status == 400
    client.world = client.world.with_vm(replace(client.vm, reprovision_data=Secret(b"<Environment/>")))
    reply = get(client, target)
    assert (reply.status, reply.body) == (200, b"<Environment/>")


def test_no_events_are_scheduled() -> None:
    reply = get(Client(world()), "/metadata/scheduledevents?api-version=2020-07-01")
    assert json.loads(reply.body) == {"DocumentIncarnation": 1, "Events": []}


@pytest.mark.parametrize(
    "target",
    [
        "/metadata/attested/document?api-version=2021-02-01",
        "/metadata/identity/oauth2/token?api-version=2018-02-01",
    ],
)
def test_what_only_the_platform_can_sign_is_not_found_with_the_reason(target: str) -> None:
    reply = get(Client(world()), target)
    assert reply.status == 404
    assert "signed by the platform" in json.loads(reply.body)["error"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compute/name", NAME),
        ("network/interface/0/ipv4/ipAddress/0/privateIpAddress", ADDRESS),
        ("network", "interface/"),
        ("network/interface", "0/"),
    ],
)
def test_a_part_can_be_had_as_text(path: str, text: str) -> None:
    reply = get(Client(world()), f"/metadata/instance/{path}?api-version=2021-02-01&format=text")
    assert (reply.status, reply.body.decode()) == (200, text)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("", {"Metadata": "true"}, 400),
        ("?api-version=1999-01-01", {"Metadata": "true"}, 400),
        ("/nothing?api-version=2018-02-01", {"Metadata": "true"}, 404),
        ("/network/interface/9?api-version=2018-02-01", {"Metadata": "true"}, 404),
        ("/network/interface/%D9%A0?api-version=2018-02-01", {"Metadata": "true"}, 404),
        ("/network/interface/" + "0" * 5000 + "?api-version=2018-02-01", {"Metadata": "true"}, 404),
        ("/compute/name?api-version=2018-02-01", {"Metadata": "true"}, 400),
        ("?api-version=2018-02-01&format=xml", {"Metadata": "true"}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused(target: str, headers: dict[str, str], status: int) -> None:
    reply = get(Client(world()), f"/metadata/instance{target}", headers)
    assert reply.status == status
    assert "error" in json.loads(reply.body)
