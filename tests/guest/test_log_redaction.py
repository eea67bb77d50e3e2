"""Secrets are taken out of logs, wherever a block of the stream ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.log_redaction import Lines, Redactor

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEsecretsecret\nmoresecret\n-----END RSA PRIVATE KEY-----"
SECRETS = [
    "password=hunter2secret",
    'x "Password": "hunter2secret with a blank", y',
    r'{"message": "{\"adminPassword\": \"hunter2secret\"}"}',
    "AccountName=a;AccountKey=hunter2secret==;End=x",
    "https://a.blob.core.windows.net/c/b?sv=2020&sig=hunter2secret%3D",
    "Authorization: Bearer hunter2secret.a.b",
    "curl -H 'authorization: Basic hunter2secret'",
    "mysql --password=hunter2secret -u x",
    "tool --password hunter2secret",
    "proxy http://user:hunter2secret@proxy:3128/",
    "alice:$6$hunter2salt$hunter2secret:19000:",
    "<ns1:UserPassword>hunter2secret</ns1:UserPassword>",
    "<CustomData>\nhunter2secret\nhunter2secret\n</CustomData>",
    KEY.replace("MIIEsecretsecret", "hunter2secret"),
    "sas_token: 'hunter2secret'",
    "client_secret = hunter2secret",
    "enable password hunter2secret",
    "password 8 hunter2secret",
    " neighbor 10.0.0.1 password hunter2secret",
    " ip ospf message-digest-key 1 md5 hunter2secret",
    " area-password clear hunter2secret",
    " ip rip authentication string hunter2secret",
    "  key-string hunter2secret",
    "username ada privilege 15 secret 0 hunter2secret",
    "enable secret level 15 hunter2secret",
    "crypto isakmp key hunter2secret address 10.0.0.1",
    "snmp-server community hunter2secret RO",
]
HARMLESS = [
    "2026-01-01T00:00:00Z INFO handler.work handler=A.B version=1.0 seconds=0.5\n",
    "Accepted password for alice from 10.0.0.1 port 22\n",
    "accounts.password_crypt_id   6   default\n",
    "sshd[1]: Failed password for invalid user x\n",
    "GET https://host/path?comp=goalstate\n",
    "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n",
    "service password-encryption\n",
    "ip ospf authentication message-digest\n",
    "neighbor 10.0.0.1 remote-as 65001\n",
    "password: \n",
    "\x00\xff binary \x80 stays as it is\n",
]


def redacted(text: str, sizes: list[int]) -> str:
    lines, redactor = Lines(), Redactor()
    found = []
    at = 0
    for size in [*sizes, len(text)]:
        found.append(redactor.block(lines.feed(text[at : at + size])))
        at += size
    found.append(redactor.block(lines.end()))
    return "".join(found)


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_taken_out(text: str) -> None:
    found = redacted(f"before\n{text}\nafter\n", [])
    assert "hunter2secret" not in found
    assert found.startswith("before\n")
    assert found.endswith("after\n")


@given(st.sampled_from(SECRETS), st.lists(st.integers(1, 60), max_size=12))
def test_it_is_taken_out_wherever_the_stream_is_cut(text: str, sizes: list[int]) -> None:
    found = redacted(f"before\n{text}\nafter\n", sizes)
    assert "hunter2secret" not in found
    assert found.endswith("after\n")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text, []) == text


@given(st.text(st.characters(max_codepoint=255), max_size=300), st.lists(st.integers(1, 40), max_size=8))
def test_any_bytes_go_through_without_an_error(text: str, sizes: list[int]) -> None:
    redacted(text, sizes)


def test_a_key_that_has_no_end_takes_the_rest_of_its_file_with_it() -> None:
    assert redacted("a\n-----BEGIN PRIVATE KEY-----\nMII\nx\n", [10, 10]) == "a\n<private key <redacted>>"


def test_a_word_without_end_is_left_out_and_the_next_line_is_there() -> None:
    lines = Lines(longest=100)
    found = [
        lines.feed("x" * 60),
        lines.feed("y" * 60),
        lines.feed("z" * 60),
        lines.feed("z\nnext\n"),
        lines.end(),
    ]
    assert "".join(found) == "<a word of more than 100 characters was left out>\nnext\n"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 400_000,
        "-----BEGIN " * 30_000,
        'password: "' * 30_000,
        "<Password" * 40_000,
        "\\" * 300_000,
        "http://" * 40_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    Redactor().block(text)  # the test's own time limit says so
