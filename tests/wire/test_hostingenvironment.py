"""HostingEnvironmentConfig."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import identifiers, texts

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import HostingEnvironment
from limpet.wire.hostingenvironment import parse_hosting_environment, render_hosting_environment

environments = st.builds(
    HostingEnvironment,
    instance_name=st.none() | texts,
    role_name=st.none() | texts,
    deployment_name=st.none() | texts,
)


@given(environments, identifiers)
def test_an_environment_survives_the_way_to_the_wire_and_back(
    environment: HostingEnvironment, incarnation: str
) -> None:
    assert parse_hosting_environment(render_hosting_environment(environment, incarnation)) == environment


def test_a_modern_document_without_deployment_and_role_is_read() -> None:
    body = (
        b'<HostingEnvironmentConfig version="1.0.0.0"><StoredCertificates>'
        b'<StoredCertificate name="TenantEncryptionCert" certificateId="sha1:00" /></StoredCertificates>'
        b'<Incarnation number="1" instance="_vm01" guid="{x}" /></HostingEnvironmentConfig>'
    )
    assert parse_hosting_environment(body) == HostingEnvironment(
        instance_name="_vm01", role_name=None, deployment_name=None
    )


def test_a_document_that_says_nothing_is_read() -> None:
    assert parse_hosting_environment(b"<HostingEnvironmentConfig/>") == HostingEnvironment(
        instance_name=None, role_name=None, deployment_name=None
    )


def test_another_document_is_refused() -> None:
    with pytest.raises(
        MalformedDocument, match="root element is 'SharedConfig' instead of 'HostingEnvironmentConfig'"
    ):
        parse_hosting_environment(b"<SharedConfig/>")
