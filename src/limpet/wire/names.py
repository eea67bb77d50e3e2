"""Words from the fabric that become names of folders and files, headers and requests here: which are fit for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.model.ids import Url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.model.extensions import ExtensionSettings

LARGEST_SEQUENCE_NUMBER = 2**63 - 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}\Z")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,7}\Z")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{1,128}\Z")
_URL = re.compile(r"https?://[!-~]+\Z", re.IGNORECASE)
_BY_ADDRESS = re.compile(r"http://(?:[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:[/?]|\Z)", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{1,256}\Z")


def problem_with_name(name: str, version: str) -> str | None:
    """Why a handler of this name and version cannot have a folder; None where it can.

    Real names are ``Publisher.Type`` with dotted versions (extensions.md §1.1). Anything else could escape the
    agent's folder, so it is refused before it is used.
    """
    if not fit_for_a_file(name):
        return f"The goal state names a handler {name[:64]!r}, which is not a publisher and type such as Contoso.Sample."
    if not _VERSION.match(version):
        return f"The goal state asks for version {version[:64]!r} of {name}, which is not a dotted version such as 1.0.7."
    return None


def problem_with_settings(settings: ExtensionSettings) -> str | None:
    """Why an extension cannot have its files: settings, status, certificate; None where it can."""
    name, number = settings.name, settings.sequence_number
    if not fit_for_a_file(name):
        return f"The goal state names an extension {name[:64]!r}, which cannot be part of a file's name."
    if not 0 <= number <= LARGEST_SEQUENCE_NUMBER:
        return f"The sequence number of {name} is {number}, outside 0 to {LARGEST_SEQUENCE_NUMBER}."
    if settings.thumbprint is not None and not _THUMBPRINT.match(settings.thumbprint):
        return f"The protected settings of {name} name a certificate by {settings.thumbprint[:64]!r}, which is not hex digits."
    return None


def fit_for_a_file(name: str) -> bool:
    """Whether a handler's or an extension's name can be part of a file's name. Source: extensions.md §2."""
    return _NAME.match(name) is not None and ".." not in name


def fit_for_a_request(url: str) -> bool:
    """Whether `url` is an absolute http(s) URL that can stand in a request: printable ASCII without spaces."""
    return _URL.match(url) is not None


def is_by_address(url: str) -> bool:
    """Whether `url` is plain http to an address, as the fabric's own are."""
    return _BY_ADDRESS.match(url) is not None


def locations(texts: Iterable[str | None]) -> tuple[Url, ...]:
    """Those of `texts` that can be asked for, each once, in their order."""
    return tuple(Url(text) for text in dict.fromkeys(texts) if text and fit_for_a_request(text))


def fit_for_a_header(word: str) -> bool:
    """Whether an identifier can stand in a header: printable ASCII without spaces, not endless."""
    return _TOKEN.match(word) is not None
