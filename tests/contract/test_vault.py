"""The Vault port: the same behaviour from names and from keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.host.bundles import pair, pfx, sealed

from limpet.host.fake import FakeClock, FakeFiles, FakeVault
from limpet.host.files import RealFiles
from limpet.host.vault import OpensslVault
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.host.ports import Files, Vault


@dataclass
class Bench:
    """A vault, its library, and a bundle for it or for somebody else."""

    vault: Vault
    files: Files
    library: Path
    workshop: Path

    def bundle(self, *, other: bool = False) -> tuple[bytes, Mapping[str, bool]]:
        """One certificate with its key and one without."""
        if isinstance(self.vault, FakeVault):
            content = {"A" * 40: True, "B" * 40: False}
            return self.vault.bundle(content, certificate="another" if other else None), content
        own, second = pair(self.workshop, "tenant"), pair(self.workshop, "crp")
        recipient = own.base64 if other else self.vault.transport_certificate()
        data = sealed(self.workshop, pfx(self.workshop, own, second), recipient)
        return data, {own.thumbprint: True, second.thumbprint: False}

    def mode(self, name: str) -> int:
        info = self.files.info(self.library / name)
        assert info is not None
        return info.mode


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    library, workshop = tmp_path / "library", tmp_path / "workshop"
    workshop.mkdir()
    if request.param == "real":
        library.mkdir()
        return Bench(OpensslVault(library), RealFiles(), library, workshop)
    files = FakeFiles(FakeClock())
    files.make_folder(library)
    return Bench(FakeVault(files, library), files, library, workshop)


def test_the_transport_certificate_is_base64_on_one_line_and_stays_the_same(bench: Bench) -> None:
    certificate = bench.vault.transport_certificate()
    assert len(base64.b64decode(certificate, validate=True)) > 500
    assert bench.vault.transport_certificate() == certificate


def test_a_transport_certificate_that_was_lost_is_made_anew(bench: Bench) -> None:
    bench.vault.transport_certificate()
    bench.files.remove(bench.library / "TransportCert.pem")
    assert bench.vault.transport_certificate() == bench.vault.transport_certificate()


def test_a_bundle_becomes_files_that_only_their_owner_can_read(bench: Bench) -> None:
    data, content = bench.bundle()
    assert dict(bench.vault.unpack_bundle(data)) == content
    kept = [name for name in bench.files.names(bench.library) if not name.startswith("Transport")]
    assert kept == sorted(
        [f"{thumbprint}.crt" for thumbprint in content]
        + [f"{name}.prv" for name, key in content.items() if key]
    )
    for name in bench.files.names(bench.library):
        assert bench.mode(name) in {0o600, 0o400}


def test_a_bundle_that_comes_again_changes_nothing(bench: Bench) -> None:
    data, _ = bench.bundle()
    assert bench.vault.unpack_bundle(data) == bench.vault.unpack_bundle(data)


def test_a_bundle_for_another_key_is_refused_and_leaves_nothing(bench: Bench) -> None:
    bench.vault.transport_certificate()
    before = bench.files.names(bench.library)
    data, _ = bench.bundle(other=True)
    with pytest.raises(HostError, match="encrypted for another certificate"):
        bench.vault.unpack_bundle(data)
    assert bench.files.names(bench.library) == before


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_damaged_bundle_is_refused(bench: Bench, keep: int) -> None:
    data, _ = bench.bundle()
    with pytest.raises(HostError, match="damaged"):
        bench.vault.unpack_bundle(data[:keep])
