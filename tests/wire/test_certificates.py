"""The encrypted certificates' document and the request for it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import identifiers, texts

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import CertificateBundle
from limpet.model.ids import Incarnation, Url
from limpet.wire.certificates import (
    Cipher,
    certificates_request,
    parse_certificate_file,
    render_certificate_file,
)

bundles = st.builds(
    CertificateBundle,
    incarnation=st.none() | identifiers.map(Incarnation),
    format=st.none() | texts,
    data=st.binary(max_size=300),
)


def parse(inside: str) -> CertificateBundle:
    return parse_certificate_file(f"<CertificateFile>{inside}</CertificateFile>".encode())


@given(bundles)
def test_a_bundle_survives_the_way_to_the_wire_and_back(bundle: CertificateBundle) -> None:
    assert parse_certificate_file(render_certificate_file(bundle)) == bundle


def test_base64_is_written_in_lines_that_openssl_reads() -> None:
    body = render_certificate_file(CertificateBundle(incarnation=None, format=None, data=bytes(1000)))
    lines = body.partition(b"<Data>")[2].partition(b"</Data>")[0].split(b"\n")
    assert {len(line) for line in lines[:-1]} == {64}
    assert 0 < len(lines[-1]) <= 64


@pytest.mark.parametrize(
    "separator",
    ["", "\n", "\r\n", "\n    ", " ", "\t\n"],
    ids=["none", "lf", "crlf", "indented", "blank", "tab"],
)
def test_base64_may_be_wrapped_in_any_way(separator: str) -> None:
    text = base64.b64encode(bytes(range(256))).decode()
    wrapped = separator.join(text[at : at + 48] for at in range(0, len(text), 48))
    assert parse(f"<Data>{separator}{wrapped}{separator}</Data>").data == bytes(range(256))


@pytest.mark.parametrize("data", ["", "<Data/>", "<Data></Data>", "<Data> \n </Data>"])
def test_no_data_means_no_certificates(data: str) -> None:
    bundle = parse(f"<Format>Pkcs7BlobWithPfxContents</Format>{data}")
    assert (bundle.data, bundle.usable) == (b"", False)


@pytest.mark.parametrize(
    ("element", "usable"),
    [
        ("<Format>Pkcs7BlobWithPfxContents</Format>", True),
        ("<Format> Pkcs7BlobWithPfxContents\n</Format>", True),
        ("<Format/>", True),
        ("", True),
        ("<Format>CertificatesNonPfxPackage</Format>", False),
    ],
)
def test_only_a_pfx_or_what_is_not_said_is_usable(element: str, usable: bool) -> None:
    assert parse(f"{element}<Data>TUlJ</Data>").usable is usable


@pytest.mark.parametrize("data", ["M", "MII", "MI!=", "====", "TUlJ=TUlJ", "é"])
def test_data_that_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(MalformedDocument, match="CertificateFile: element Data is not base64"):
        parse(f"<Data>{data}</Data>")


def test_another_document_is_refused() -> None:
    with pytest.raises(MalformedDocument, match="root element is 'Error' instead of 'CertificateFile'"):
        parse_certificate_file(b"<Error/>")


def test_the_request_says_who_asks_and_how_to_encrypt() -> None:
    request = certificates_request(Url("http://f/c"), "MIIB", Cipher.AES128_CBC)
    assert request.method == "GET"
    assert request.headers == {
        "x-ms-agent-name": "WALinuxAgent",
        "x-ms-version": "2012-11-30",
        "x-ms-guest-agent-public-x509-cert": "MIIB",
        "x-ms-cipher-name": "AES128_CBC",
    }


def test_aes_is_asked_for_first() -> None:
    assert [cipher.value for cipher in Cipher] == ["AES128_CBC", "DES_EDE3_CBC"]
