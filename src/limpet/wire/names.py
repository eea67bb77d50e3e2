"""Names from the fabric that become names of folders and files here."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}\Z")
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,7}\Z")
_EXTENSION = re.compile(r"[\w][\w.\-]{0,127}\Z", re.ASCII)


def problem_with_name(name: str, version: str) -> str | None:
    """Why a handler of this name and version cannot have a folder; None where it can.

    Real names are ``Publisher.Type`` with dotted versions (extensions.md §1.1). Anything else could escape the
    agent's folder, so it is refused before it is used.
    """
    if not _NAME.match(name) or ".." in name:
        return f"The goal state names a handler {name[:64]!r}, which is not a publisher and type such as Contoso.Sample."
    if not _VERSION.match(version):
        return f"The goal state asks for version {version[:64]!r} of {name}, which is not a dotted version such as 1.0.7."
    return None


def fit_for_a_file(extension: str) -> bool:
    """Whether an extension's name can be part of a file's name. Source: extensions.md §3.11."""
    return _EXTENSION.match(extension) is not None and ".." not in extension
