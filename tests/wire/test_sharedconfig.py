"""SharedConfig."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import identifiers, texts

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import SharedConfig
from limpet.wire.sharedconfig import parse_shared_config, render_shared_config

without_rdma = st.builds(
    SharedConfig,
    instance_name=st.none() | texts,
    addresses=st.lists(st.tuples(texts, texts), max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
)
with_rdma = st.builds(
    lambda name, address, rdma: SharedConfig(
        instance_name=name, addresses=((name, address),), rdma_ipv4_address=rdma[0], rdma_mac_address=rdma[1]
    ),
    texts,
    texts,
    st.tuples(texts, texts),
)


@given(without_rdma | with_rdma, identifiers)
def test_a_configuration_survives_the_way_to_the_wire_and_back(
    config: SharedConfig, incarnation: str
) -> None:
    assert parse_shared_config(render_shared_config(config, incarnation)) == config


def test_rdma_values_are_those_of_this_instance() -> None:
    body = (
        b'<SharedConfig><Incarnation number="1" instance="b" /><Instances>'
        b'<Instance id="a" address="10.0.0.4" rdmaIPv4Address="1.1.1.1" rdmaMacAddress="000000000001" />'
        b'<Instance id="b" address="10.0.0.5" rdmaIPv4Address="2.2.2.2" rdmaMacAddress="000000000002" />'
        b"</Instances></SharedConfig>"
    )
    config = parse_shared_config(body)
    assert config.addresses == (("a", "10.0.0.4"), ("b", "10.0.0.5"))
    assert (config.rdma_ipv4_address, config.rdma_mac_address) == ("2.2.2.2", "000000000002")


def test_a_document_that_says_nothing_is_read() -> None:
    assert parse_shared_config(b"<SharedConfig/>") == SharedConfig(instance_name=None, addresses=())


def test_another_document_is_refused() -> None:
    with pytest.raises(MalformedDocument, match="root element is 'Shared' instead of 'SharedConfig'"):
        parse_shared_config(b"<Shared/>")
