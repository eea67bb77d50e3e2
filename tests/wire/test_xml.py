"""XML from outside: what the tree holds, and what never becomes one."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.wire import xml

BOM = b"\xef\xbb\xbf"
BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><lolz>&c;</lolz>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no element found"),
    "white space": (b" \n", "no element found"),
    "text": (b"hello", "syntax error"),
    "JSON": (b'{"a": 1}', "not well-formed"),
    "HTML": (b"<html><br></html>", "mismatched tag"),
    "cut": (b"<a><b>", "no element found"),
    "two roots": (b"<a/><b/>", "junk after document element"),
    "NUL": (b"<a>\0</a>", "a NUL at byte 3"),
    "NUL by number": (b"<a>&#0;</a>", "reference to invalid character number"),
    "unknown entity": (b"<a>&nbsp;</a>", "undefined entity"),
    "attribute twice": (b'<a b="1" b="2"/>', "duplicate attribute"),
    "unbound prefix": (b"<x:a/>", "unbound prefix"),
    "not UTF-8": (b"<a>\xff</a>", "not UTF-8: invalid start byte at byte 3"),
    "UTF-8 cut in a character": (b"<a>\xc3", "not UTF-8: unexpected end of data at byte 3"),
    "surrogate": (b"<a>\xed\xa0\x80</a>", "not UTF-8"),
    "UTF-16": ("<a/>".encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": ("<a/>".encode("utf-16-le"), "a NUL at byte 1"),
    "document type": (b"<!DOCTYPE a><a/>", "document type declaration"),
    "billion laughs": (BILLION_LAUGHS, "document type declaration"),
    "external entity": (EXTERNAL, "document type declaration"),
    "deep": (b"<a>" * 65 + b"</a>" * 65, "nested deeper than 64"),
    "very deep": (b"<a>" * 100_000, "nested deeper than 64"),
    "very many": (b"<a>" + b"<b/>" * 200_000 + b"</a>", "more than 200000 elements and attributes"),
    "very many attributes": (
        b"<a " + b" ".join(b'k%d=""' % n for n in range(200_000)) + b"/>",
        "more than 200000 elements and attributes",
    ),
}


@pytest.mark.parametrize(("body", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_document_is_refused_with_a_reason(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedDocument, match=r"^GoalState: ") as refusal:
        xml.parse(body, "GoalState")
    assert problem in refusal.value.problem


def test_a_refusal_says_where() -> None:
    with pytest.raises(MalformedDocument, match="mismatched tag at line 3, column 7"):
        xml.parse(b"<a>\n<b>\n</b></c>", "GoalState")


def test_a_document_larger_than_its_limit_is_refused_before_it_is_read() -> None:
    assert xml.parse(b"<a>12</a>", "X", limit=9).text == "12"
    with pytest.raises(MalformedDocument, match="10 bytes, more than the 9 that are accepted"):
        xml.parse(b"<a>123</a>", "X", limit=9)


def test_the_largest_depth_and_number_are_still_read() -> None:
    assert xml.parse(b"<a>" * 64 + b"</a>" * 64, "X").name == "a"
    assert len(xml.parse(b"<a>" + b"<b/>" * 199_999 + b"</a>", "X").children) == 199_999


def test_another_root_is_refused_by_its_name_without_its_prefix() -> None:
    with pytest.raises(MalformedDocument, match="its root element is 'Error' instead of 'GoalState'"):
        xml.parse(b'<m:Error xmlns:m="urn:m"/>', "GoalState", root="GoalState")
    assert xml.parse(b'<m:GoalState xmlns:m="urn:m"/>', "GoalState", root="GoalState").namespace == "urn:m"


def test_an_endless_name_is_cut_in_the_message() -> None:
    with pytest.raises(MalformedDocument) as refusal:
        xml.parse(b"<" + b"a" * 100_000 + b"/>", "GoalState", root="GoalState")
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "body",
    [
        BOM + b"<a>\xc3\xa9</a>",
        b'<?xml version="1.0" encoding="utf-8"?>\r\n<a>\xc3\xa9</a>\r\n',
        b'<?xml version="1.0" encoding="utf-16"?><a>\xc3\xa9</a>',  # some writers say what they do not do
        b"<!-- c --><a><!-- c -->\xc3\xa9<!-- c --></a>",
        b"<a>&#233;</a>",
        b"<a><![CDATA[\xc3\xa9]]></a>",
        b"<?pi x?><a>\xc3\xa9</a><?pi y?>",
    ],
)
def test_marks_comments_and_notations_do_not_matter(body: bytes) -> None:
    assert xml.parse(body, "X").text == "é"


TREE = xml.parse(
    b'<r xmlns="urn:d" xmlns:p="urn:p"><p:a p:k="1" j="2"> x <b>1</b> y </p:a><b>2</b><c><b> 3 </b><e/></c></r>',
    "X",
)


def test_names_are_local_and_namespaces_are_kept() -> None:
    a = TREE.children[0]
    assert (a.name, a.namespace, dict(a.attributes)) == ("a", "urn:p", {"k": "1", "j": "2"})
    assert a.children[0].namespace == "urn:d"
    assert a.text == " x  y "


@pytest.mark.parametrize(
    ("attributes", "value"),
    [(b'p:k="2" k="1"', "1"), (b'k="1" p:k="2"', "1"), (b'p:k="2" q:k="3"', "2"), (b'q:k="3"', "3")],
)
def test_of_attributes_of_one_name_that_without_a_prefix_counts(attributes: bytes, value: str) -> None:
    body = b'<a xmlns:p="urn:p" xmlns:q="urn:q" ' + attributes + b"/>"
    assert xml.parse(body, "X").attributes == {"k": value}


def test_the_first_descendant_in_document_order_is_found() -> None:
    assert xml.required(TREE, "b", "X") == "1"
    assert xml.text(xml.child(TREE, "b")) == "2"
    assert [child.text for child in xml.children(xml.child(TREE, "c"), "b")] == [" 3 "]
    assert [element.text.strip() for element in TREE.descendants() if element.name == "b"] == ["1", "2", "3"]


def test_absent_and_empty_are_told_apart_where_it_matters() -> None:
    assert xml.first(TREE, "z") is None
    assert xml.text(None) is None
    assert xml.text(xml.first(TREE, "e")) == ""
    assert xml.optional(TREE, "e") is None
    assert xml.attribute(None, "k") is None
    assert xml.children(None, "k") == ()
    with pytest.raises(MalformedDocument, match="element z is missing"):
        xml.required(TREE, "z", "X")
    with pytest.raises(MalformedDocument, match="element e is empty"):
        xml.required(TREE, "e", "X")


@given(st.text())
def test_any_text_survives_as_content_but_for_what_xml_cannot_carry(value: str) -> None:
    body = f"<a>{xml.escape_text(value)}</a>".encode()
    assert xml.parse(body, "X").text == carried(value)


@given(st.text())
def test_any_text_survives_in_an_attribute_but_for_what_xml_cannot_carry(value: str) -> None:
    body = f'<a k="{xml.escape_attribute(value)}"/>'.encode()
    assert xml.parse(body, "X").attributes["k"] == carried(value)


@given(st.text(st.characters(exclude_categories=["C"])))
def test_another_writer_is_understood(value: str) -> None:
    assert xml.parse(f"<a k={quoteattr(value)}/>".encode(), "X").attributes["k"] == value


def carried(value: str) -> str:
    return "".join(c if may_stand_in_xml(c) else "\ufffd" for c in value)


def may_stand_in_xml(c: str) -> bool:
    return c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        xml.parse(body, "X")
    except MalformedDocument as refusal:
        assert refusal.problem  # noqa: PT017 - either outcome is right, another exception is not
