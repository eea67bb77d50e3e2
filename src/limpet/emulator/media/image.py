"""A disc image with files at its root, in UDF and ISO 9660: the same files always give the same bytes."""

from __future__ import annotations

import io
from enum import Enum
from typing import TYPE_CHECKING, Any

from pycdlib import PyCdlib
from pycdlib.dates import DirectoryRecordDate, VolumeDescriptorDate
from pycdlib.udf import UDFTimestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LABEL = "rd_rdfe_stable"
"""Nothing looks at it; seen on discs of the platform. Source: guest-setup.md §A.2."""
_UDF = "2.60"
_VOLUME_SET = b"\x08" + b"4b3d3b004b3d3b00".ljust(126, b"\0") + b"\x11"
_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_LAST_DESCRIPTOR = 255
_MOMENTS = {
    # 1 January 2010, midnight of UTC, in each of the formats on a disc.
    DirectoryRecordDate: bytes([110, 1, 1, 0, 0, 0, 0]),
    VolumeDescriptorDate: b"2010010100000000\0",
    UDFTimestamp: bytes([0, 0x10, *(2010).to_bytes(2, "little"), 1, 1, 0, 0, 0, 0, 0, 0]),
}


class FileSystem(Enum):
    """Which file systems of the disc have the files."""

    BOTH = "UDF and ISO 9660"
    ISO_9660 = "ISO 9660"
    UDF = "UDF"


def disc(
    files: Mapping[str, bytes], *, label: str = LABEL, file_system: FileSystem = FileSystem.BOTH
) -> bytes:
    """The image of a disc with `files` by their names.

    A UDF disc keeps an empty ISO 9660 root, as bridge discs have one. Names go with their case (Rock Ridge, Joliet).
    """
    image = PyCdlib()
    udf = file_system is not FileSystem.ISO_9660
    iso = file_system is not FileSystem.UDF
    image.new(interchange_level=3, vol_ident=label, joliet=3, rock_ridge="1.09", udf=_UDF if udf else None)
    try:
        for number, (name, content) in enumerate(sorted(files.items())):
            paths: dict[str, Any] = {"udf_path": f"/{name}"} if udf else {}
            if iso:
                paths |= {
                    "iso_path": f"/{_iso_name(name, number)}",
                    "rr_name": name,
                    "joliet_path": f"/{name}",
                    "file_mode": 0o100444,
                }
            image.add_fp(io.BytesIO(content), len(content), **paths)
        _stop_the_clock(image)
        found = io.BytesIO()
        image.write_fp(found)
    finally:
        image.close()
    return _without_modification_date(found.getvalue())


def _iso_name(name: str, number: int) -> str:
    """A name of ISO 9660's own for a file; the number keeps names of different case apart."""
    stem, _, suffix = name.upper().rpartition(".") if "." in name else (name.upper(), "", "")
    plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in stem)[:20]
    return f"{plain}{number or ''}.{suffix[:3]};1"


def _stop_the_clock(image: PyCdlib) -> None:
    """Put one moment in place of now, and one name in place of chance, wherever the library took them."""
    for owner, name, value in list(_attributes(image, set())):
        if type(value) in _MOMENTS:
            moment: Any = type(value)()
            moment.parse(_MOMENTS[type(value)])
            setattr(owner, name, moment)
        elif name == "vol_set_ident" and type(owner).__module__ == "pycdlib.udf":
            setattr(owner, name, _VOLUME_SET)


def _without_modification_date(image: bytes) -> bytes:
    """Volume descriptors are dated when they are written. Source: ECMA-119 §8.4.27."""
    raw = bytearray(image)
    start = _FIRST_DESCRIPTOR * _SECTOR
    while raw[start + 1 : start + 6] == b"CD001" and raw[start] != _LAST_DESCRIPTOR:
        raw[start + 830 : start + 847] = _MOMENTS[VolumeDescriptorDate]
        start += _SECTOR
    return bytes(raw)


def _attributes(found: Any, seen: set[int]) -> Iterator[tuple[Any, str, Any]]:
    """Every attribute of every object of the library that can be reached."""
    if id(found) in seen:
        return
    seen.add(id(found))
    if isinstance(found, list | tuple | set | dict):
        for item in [*found.values()] if isinstance(found, dict) else [*found]:
            yield from _attributes(item, seen)
    elif type(found).__module__.startswith("pycdlib"):
        names = [name for kind in type(found).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in names:
            value = getattr(found, name, None)
            yield found, name, value
            yield from _attributes(value, seen)
