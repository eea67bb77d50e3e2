"""What reports to the wire server look like, exactly: agents' readers and the emulator's are more tolerant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Union

from limpet.wire import xml
from limpet.wire.http import MIB

if TYPE_CHECKING:
    from limpet.wire.xml import Element

Shape = Mapping[str, Union["Shape", None]]
"""Elements in an element: what is in them, or None for text. A name with ``?`` may be missing, with ``*`` stands any number of times."""

HEALTH: Shape = {
    "Health": {
        "GoalStateIncarnation": None,
        "Container": {
            "ContainerId": None,
            "RoleInstanceList": {
                "Role": {
                    "InstanceId": None,
                    "Health": {"State": None, "Details?": {"SubStatus": None, "Description?": None}},
                }
            },
        },
    }
}
"""Source: guest-setup.md §A.13."""

ROLE_PROPERTIES: Shape = {
    "RoleProperties": {
        "Container": {
            "ContainerId": None,
            "RoleInstances": {"RoleInstance": {"Id": None, "Properties": {"Property*": {}}}},
        }
    }
}
"""Source: wire-protocol.md §7.3."""


def deviations(body: bytes, shape: Shape) -> Iterator[str]:
    """How a document that can be read is not as `shape` has it."""
    root = xml.parse(body, "report", limit=MIB)
    yield from _of([root], shape, "the document")


def _of(found: list[Element], shape: Shape, where: str) -> Iterator[str]:
    known = {name.rstrip("?*"): (name[-1:], inner) for name, inner in shape.items()}
    for name in dict.fromkeys(element.name for element in found):
        if name not in known:
            yield f"element {name[:60]} does not belong in {where}"
    for name, (mark, inner) in known.items():
        named = [element for element in found if element.name == name]
        if not named and mark not in {"?", "*"}:
            yield f"element {name} is missing in {where}"
        if len(named) > 1 and mark != "*":
            yield f"element {name} stands {len(named)} times in {where}"
        for element in named:
            yield from _inside(element, inner)


def _inside(element: Element, inner: Shape | None) -> Iterator[str]:
    if inner is not None:
        yield from _of(list(element.children), inner, element.name)
    elif element.children:
        yield f"element {element.name} has elements in it"
