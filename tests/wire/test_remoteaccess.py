"""The list of just-in-time users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import identifiers, texts

from limpet.model.errors import MalformedDocument
from limpet.model.ids import Incarnation, Url
from limpet.model.remoteaccess import RemoteAccess, RemoteUser
from limpet.wire.remoteaccess import parse_remote_access, remote_access_request, render_remote_access

lists = st.builds(
    RemoteAccess,
    incarnation=st.none() | identifiers.map(Incarnation),
    version=st.none() | texts,
    users=st.lists(
        st.builds(
            RemoteUser,
            name=texts,
            encrypted_password=st.binary(min_size=1, max_size=50),
            expiration=texts,
            groups=st.lists(texts, max_size=2).map(tuple),
            invalid=st.none(),
        ),
        max_size=3,
    ).map(tuple),
)


def users(inside: str) -> tuple[RemoteUser, ...]:
    return parse_remote_access(f"<RemoteAccess><Users>{inside}</Users></RemoteAccess>".encode()).users


def user(**elements: str) -> RemoteUser:
    (found,) = users(
        "<User>" + "".join(f"<{name}>{text}</{name}>" for name, text in elements.items()) + "</User>"
    )
    return found


@given(lists)
def test_a_list_survives_the_way_to_the_wire_and_back(access: RemoteAccess) -> None:
    assert parse_remote_access(render_remote_access(access)) == access


@pytest.mark.parametrize("body", [b"<RemoteAccess/>", b"<RemoteAccess><Users/></RemoteAccess>"])
def test_a_list_may_be_empty(body: bytes) -> None:
    assert parse_remote_access(body) == RemoteAccess(incarnation=None, version=None, users=())


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ({"Name": "jit", "Expiration": "e", "Password": "encryptedText"}, "element Password is not base64"),
        ({"Name": "jit", "Expiration": "e"}, "element Password is missing"),
        ({"Name": "jit", "Expiration": "e", "Password": ""}, "element Password is empty"),
        ({"Name": "jit", "Password": "TUlJ"}, "element Expiration is missing"),
        ({"Expiration": "e", "Password": "TUlJ"}, "element Name is missing"),
    ],
)
def test_a_user_who_cannot_be_read_stays_listed_with_the_reason(
    elements: dict[str, str], problem: str
) -> None:
    found = user(**elements)
    assert (found.name, found.invalid) == (elements.get("Name", ""), problem)


def test_one_user_does_not_hold_up_the_others() -> None:
    good = "<User><Name>b</Name><Password>TUlJ</Password><Expiration>e</Expiration></User>"
    first, second = users(f"<User><Name>a</Name></User>{good}")
    assert first.invalid is not None
    assert second == RemoteUser(name="b", encrypted_password=b"MII", expiration="e")


def test_the_expiration_is_not_interpreted_here() -> None:
    assert user(Name="a", Password="TUlJ", Expiration="2019-01-01").expiration == "2019-01-01"


def test_another_document_is_refused() -> None:
    with pytest.raises(MalformedDocument, match="root element is 'Users' instead of 'RemoteAccess'"):
        parse_remote_access(b"<Users/>")


def test_the_request_always_asks_for_aes() -> None:
    headers = remote_access_request(Url("http://f/r"), "MIIB").headers
    assert headers["x-ms-cipher-name"] == "AES128_CBC"
    assert headers["x-ms-guest-agent-public-x509-cert"] == "MIIB"
