"""The file system in memory, as FakeFiles."""

from __future__ import annotations

from dataclasses import dataclass

from limpet.host.fake_files import FakeFiles


@dataclass
class SwiftFiles(FakeFiles):
    """As FakeFiles."""
