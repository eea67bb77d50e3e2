"""Handler packages, made from folders or from files in memory."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def package_of(folder: Path) -> bytes:
    """A handler's folder as a package. Raises: LabError, when there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise LabError(f"{folder} is not a handler's folder: there are no files in it")
    return zipped({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A package from its files by their names in it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return target.getvalue()
