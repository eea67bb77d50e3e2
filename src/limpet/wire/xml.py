"""XML documents from outside: bounded, without DTDs and entities, as a small frozen tree.

pyexpat is used directly because the resident agent keeps this module loaded; the tree has what documents need and
nothing else. Names are local names: the fabric's documents use prefixes freely.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

from limpet.model.errors import MalformedDocument
from limpet.wire.http import DOCUMENT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEEPEST = 64
MOST_NODES = 200_000
"""Elements and attributes together."""
_SEPARATOR = " "


@dataclass(frozen=True, slots=True)
class Element:
    """One element. text: its own character data, concatenated, as written."""

    name: str
    namespace: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Element, ...] = ()
    text: str = ""

    def __iter__(self) -> Iterator[Element]:
        return iter(self.children)

    def descendants(self) -> Iterator[Element]:
        """Every element below this one, in document order."""
        for child in self.children:
            yield child
            yield from child.descendants()


@dataclass(slots=True)
class _Open:
    """An element whose end has not come yet."""

    name: str
    namespace: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def closed(self) -> Element:
        return Element(self.name, self.namespace, self.attributes, tuple(self.children), "".join(self.text))


class _Builder:
    def __init__(self, document: str) -> None:
        self._document = document
        self._open: list[_Open] = []
        self._count = 0
        self.root: Element | None = None

    def refuse(self, problem: str) -> NoReturn:
        raise MalformedDocument(self._document, problem)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1 + len(attributes)
        if self._count > MOST_NODES:
            self.refuse(f"more than {MOST_NODES} elements and attributes")
        if len(self._open) >= DEEPEST:
            self.refuse(f"elements nested deeper than {DEEPEST}")
        namespace, _, local = name.rpartition(_SEPARATOR)
        self._open.append(_Open(local, namespace, _plain(attributes)))

    def end(self, _name: str) -> None:
        element = self._open.pop().closed()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def doctype(self, *_: object) -> None:
        self.refuse("it has a document type declaration, which is never accepted")


def _plain(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes by their local names; where two have one, that without a prefix counts, else the first."""
    plain: dict[str, str] = {}
    for key, value in attributes.items():
        _, prefixed, local = key.rpartition(_SEPARATOR)
        if not prefixed or local not in plain:
            plain[local] = value
    return plain


def parse(body: bytes, document: str, *, root: str | None = None, limit: int = DOCUMENT_LIMIT) -> Element:
    """Read a document.

    document: its name in the field's words. root: the name its root element must have. limit: bytes.
    Raises: MalformedDocument.
    """
    if len(body) > limit:
        raise MalformedDocument(document, f"{len(body)} bytes, more than the {limit} that are accepted")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedDocument(document, f"not UTF-8: {error.reason} at byte {error.start}") from None
    if b"\0" in body:  # the parser would try UTF-16, whatever it is told
        raise MalformedDocument(document, f"a NUL at byte {body.index(0)}: not XML, or not UTF-8")
    builder = _Builder(document)
    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        problem = f"{expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset + 1}"
        raise MalformedDocument(document, problem) from None
    found = builder.root
    if found is None:
        raise MalformedDocument(document, "it has no element")
    if root is not None and found.name != root:
        raise MalformedDocument(document, f"its root element is {found.name[:64]!r} instead of {root!r}")
    return found


def first(element: Element, name: str) -> Element | None:
    """The first descendant called `name`, in document order. Source for the lenience: wire-protocol.md §2.2."""
    return next((found for found in element.descendants() if found.name == name), None)


def child(element: Element, name: str) -> Element | None:
    """The first child called `name`."""
    return next((found for found in element.children if found.name == name), None)


def children(element: Element | None, name: str) -> tuple[Element, ...]:
    """Every child called `name`; none of an element that is not there."""
    return tuple(found for found in element.children if found.name == name) if element is not None else ()


def text(element: Element | None) -> str | None:
    """An element's text without surrounding white space; None for an element that is not there."""
    return element.text.strip() if element is not None else None


def optional(element: Element, name: str) -> str | None:
    """The text of the first descendant called `name`; None where it is absent or empty."""
    return text(first(element, name)) or None


def required(element: Element, name: str, document: str) -> str:
    """The text of the first descendant called `name`. Raises: MalformedDocument, where it is absent or empty."""
    found = text(first(element, name))
    if not found:
        state = "is empty" if found == "" else "is missing"
        raise MalformedDocument(document, f"element {name} {state}")
    return found


def attribute(element: Element | None, name: str) -> str | None:
    """An attribute's value; None where the element or the attribute is absent."""
    return element.attributes.get(name) if element is not None else None


def escape_text(value: str) -> str:
    """`value` as element content. Characters that XML cannot carry become U+FFFD."""
    return (
        _clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    )


def escape_attribute(value: str) -> str:
    """`value` for an attribute in double quotes."""
    return escape_text(value).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def _clean(text_: str) -> str:
    if text_.isprintable():
        return text_
    return "".join(c if _allowed(ord(c)) else "\ufffd" for c in text_)


def _allowed(code: int) -> bool:
    return code in {0x9, 0xA, 0xD} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
