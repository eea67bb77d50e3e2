"""Instance metadata as a wish."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.metadata import ProvisioningMetadata
from limpet.model.provisioning import PublicKey
from limpet.model.secret import Secret
from limpet.wire.imdsprovisioning import parse_provisioning, provisioning_request

DOCUMENT: dict[str, Any] = {
    "compute": {
        "name": "vm-001",
        "vmId": "78563412-bc9a-f0de-1234-56789abcdef0",
        "osProfile": {
            "adminUsername": "alice",
            "computerName": "host-001",
            "disablePasswordAuthentication": "true",
        },
        "publicKeys": [{"keyData": "ssh-ed25519 AAAA alice\r\n", "path": "/home/alice/.ssh/authorized_keys"}],
        "userData": "aGVsbG8=",
    },
    "extended": {"compute": {"hasCustomData": False, "ppsType": "None"}},
    "network": {"interface": [{"macAddress": "00155D010203"}, {"macAddress": ""}, {}]},
}


def parsed(document: object) -> ProvisioningMetadata:
    return parse_provisioning(json.dumps(document).encode())


def test_the_document_is_asked_for_as_the_peer_does() -> None:
    request = provisioning_request("some-guid")
    assert request.url == "http://169.254.169.254/metadata/instance?api-version=2021-08-01&extended=true"
    assert request.headers == {"Metadata": "true", "x-ms-client-request-id": "some-guid"}
    assert provisioning_request("x", newest=False).url.endswith("/metadata/instance?api-version=2019-06-01")


def test_everything_that_provisioning_needs_is_read() -> None:
    assert parsed(DOCUMENT) == ProvisioningMetadata(
        vm_id="78563412-bc9a-f0de-1234-56789abcdef0",
        user_name="alice",
        host_name="host-001",
        disable_password_authentication=True,
        public_keys=(PublicKey(path="/home/alice/.ssh/authorized_keys", value="ssh-ed25519 AAAA alice\r\n"),),
        user_data=Secret("aGVsbG8="),
        macs=("00155d010203",),
    )


@pytest.mark.parametrize("document", [{}, {"compute": {}}, {"compute": None, "network": None}])
def test_what_is_missing_is_unknown(document: object) -> None:
    assert parsed(document) == ProvisioningMetadata()


def test_the_vms_name_stands_for_a_host_name_that_is_missing() -> None:
    assert parsed({"compute": {"name": "vm-001", "osProfile": {"computerName": ""}}}).host_name == "vm-001"


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "the document"),
        ({"compute": []}, "compute"),
        ({"compute": {"osProfile": 7}}, "compute.osProfile"),
        ({"compute": {"osProfile": {"adminUsername": ["a"]}}}, "adminUsername"),
        (
            {"compute": {"osProfile": {"disablePasswordAuthentication": "perhaps"}}},
            "disablePasswordAuthentication",
        ),
        ({"compute": {"publicKeys": {}}}, "publicKeys"),
        ({"compute": {"publicKeys": ["ssh-rsa"]}}, "publicKeys[0]"),
        ({"extended": {"compute": {"hasCustomData": 3}}}, "hasCustomData"),
        ({"network": {"interface": 3}}, "network.interface"),
    ],
)
def test_a_member_that_cannot_be_used_is_named(document: object, where: str) -> None:
    with pytest.raises(MalformedDocument) as refused:
        parsed(document)
    assert where in refused.value.problem


@pytest.mark.parametrize("end", range(0, 400, 7))
def test_a_document_cut_at_any_byte_is_refused(end: int) -> None:
    with pytest.raises(MalformedDocument):
        parse_provisioning(json.dumps(DOCUMENT).encode()[:end])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "compute",
                    "osProfile",
                    "publicKeys",
                    "network",
                    "interface",
                    "extended",
                    "keyData",
                    "macAddress",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_the_shape_it_is_read_or_refused(document: object) -> None:
    try:
        assert isinstance(parsed(document), ProvisioningMetadata)
    except MalformedDocument:
        return
