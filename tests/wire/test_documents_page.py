"""docs/documents.md names every document that is read, and only those."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
WIRE = ROOT / "src" / "limpet" / "wire"


def test_every_module_that_reads_a_document_is_on_the_page() -> None:
    reads = re.compile(r"^def parse_\w+\((body|content|packet): bytes", re.MULTILINE)
    readers = {path.stem for path in WIRE.glob("*.py") if reads.search(path.read_text(encoding="utf-8"))}
    named = set(re.findall(r"^\| [^|]+ \| `(\w+)` \|", PAGE, re.MULTILINE))
    assert named == readers
