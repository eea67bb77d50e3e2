"""Which version of a handler it will be, and how it gets here."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import LAYOUT, LIBRARY, NAME, PLUGIN, WIRE, folder, handler, store

from limpet.agent.artifacts import Artifacts
from limpet.agent.fabric import Fabric
from limpet.agent.packages import BUDGET, Choice, Packages, choose_package
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError
from limpet.model.ids import Url
from limpet.model.manifest import Package
from limpet.model.version import Version
from limpet.wire.http import Response
from limpet.wire.manifest import render_manifest

if TYPE_CHECKING:
    from limpet.wire.http import Request

MANIFEST = Url("http://storage.example/manifest.xml")
ZIP = Url("http://storage.example/p.zip")


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def published(*versions: str) -> list[Package]:
    return [Package(version=Version.parse(version), uris=(ZIP,)) for version in versions]


@pytest.mark.parametrize(
    ("requested", "versions", "chosen"),
    [
        ("1.0.0", ["1.0.0", "1.0.1"], "1.0.0"),
        ("1", ["1.0.0", "1.9.0", "1.10.0", "2.0.0"], "1.10.0"),
        ("1.0", ["1.0", "1.0.0.7"], "1.0.0.7"),
        ("1.0.0", ["1.0.0.0", "1.0.0"], "1.0.0"),
        ("2.0", ["2.0.1-rc1", "2.0.0"], "2.0.0"),
    ],
)
def test_the_newest_version_that_is_meant_is_chosen(requested: str, versions: list[str], chosen: str) -> None:
    found = choose_package(handler(version=requested), published(*versions))
    assert found.version.text == chosen


def test_of_a_version_that_is_published_twice_the_last_one_is_taken() -> None:
    public, internal = published("1.0.0"), [replace(each, internal=True) for each in published("1.0.0")]
    assert choose_package(handler(version="1.0.0"), [*public, *internal]).internal


@pytest.mark.parametrize(
    ("requested", "versions", "told"),
    [
        ("3.0", ["1.0.0", "2.0.0"], "offered: 1.0.0, 2.0.0"),
        ("1.0", [], "offered: none"),
        ("1.0", ["1.0-rc1"], "is not in its manifest"),
        ("x", ["1.0"], "unusable"),
    ],
)
def test_where_there_is_none_what_there_is_is_told(requested: str, versions: list[str], told: str) -> None:
    with pytest.raises(HandlerError, match=told):
        choose_package(handler(version=requested), published(*versions))


def test_of_many_versions_the_newest_are_told() -> None:
    with pytest.raises(HandlerError) as failure:
        choose_package(handler(version="9"), published(*(f"1.{number}" for number in range(500))))
    assert len(str(failure.value)) < 300
    assert "1.499" in str(failure.value)


def offering(**served: bytes) -> tuple[FakeMachine, Packages]:
    """A storage with these blobs, by the last part of their URL."""
    bodies = {f"http://storage.example/{name.replace('_', '.')}": body for name, body in served.items()}
    fake = FakeMachine(storage=bodies)
    fabric = Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN)
    artifacts = Artifacts(
        fabric, fake.fetcher, fake.files, fake.chance, fake.log, scratch=LIBRARY / ".fetched"
    )
    return fake, Packages(store(fake), artifacts, fake.fetcher, fake.clock, fake.log)


def choice(*uris: Url) -> Choice:
    package = Package(version=Version.parse("1.0.0"), uris=uris or (ZIP,))
    return Choice(version=package.version, package=package, manifest_uri=MANIFEST)


def test_the_manifest_decides() -> None:
    _, packages = offering(manifest_xml=render_manifest(published("1.0.0", "1.0.5")))
    found = packages.choose(handler(version="1.0", manifest_uris=(Url("http://nowhere.example/x"), MANIFEST)))
    assert (found.version.text, found.manifest_uri) == ("1.0.5", MANIFEST)


def test_a_manifest_that_nobody_has_is_the_handlers_error_without_tokens() -> None:
    _, packages = offering()
    with pytest.raises(HandlerError, match=r"Failed to get ext handler pkgs of Contoso\.Sample: ") as failure:
        packages.choose(handler(manifest_uris=(Url("https://x.example/m?sv=1&sig=TOKEN"),)))
    assert "TOKEN" not in str(failure.value)
    with pytest.raises(HandlerError, match="no location for its manifest"):
        packages.choose(handler())


def test_a_package_is_unpacked_into_a_folder_of_its_own_and_the_zip_goes() -> None:
    fake, packages = offering(p_zip=zipped(HandlerManifest_json=b"[]", bin__tool=b"x"))
    fake.files.make_folder(folder().path / "left")
    packages.bring(handler(), choice(), folder())
    assert fake.files.names(folder().path) == ["HandlerManifest.json", "bin"]
    info = fake.files.info(folder().path / "bin" / "tool")
    assert info is not None
    assert info.mode & 0o100
    assert fake.files.info(LAYOUT.archive(NAME, "1.0.0")) is None


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, Code.DOWNLOAD), (b"no zip", Code.DOWNLOAD), (zipped(bin__tool=b"x"), Code.UNKNOWN)],
    ids=["absent", "broken", "without a manifest"],
)
def test_a_package_that_cannot_be_had_leaves_nothing(content: bytes | None, code: Code) -> None:
    fake, packages = offering(**({} if content is None else {"p_zip": content}))
    with pytest.raises(HandlerError, match="Failed to download artifacts: ") as failure:
        packages.bring(handler(), choice(), folder())
    assert failure.value.code == code
    assert fake.files.info(folder().path) is None
    assert fake.files.info(LAYOUT.archive(NAME, "1.0.0")) is None


def test_a_manifest_without_a_place_for_the_package_is_the_handlers_error() -> None:
    _, packages = offering()
    for chosen in (Choice(version=Version.parse("1.0.0"), package=None, manifest_uri=None), Choice(version=Version.parse("1.0.0"), package=Package(version=Version.parse("1.0.0"), uris=()), manifest_uri=None)):  # fmt: skip
        with pytest.raises(HandlerError, match="no location for its package"):
            packages.bring(handler(), chosen, folder())


def test_locations_are_tried_until_the_budget_is_spent() -> None:
    fake, packages = offering()

    def slowly(_: Request) -> Response:
        fake.clock.sleep(BUDGET / 3)
        return Response(status=404)

    fake.fetcher.served = slowly
    uris = [Url(f"http://storage.example/{number}") for number in range(20)]
    began = fake.clock.monotonic()
    with pytest.raises(HandlerError, match="no time is left after 300 s") as failure:
        packages.bring(handler(), choice(*uris), folder())
    assert BUDGET <= fake.clock.monotonic() - began < 2 * BUDGET
    assert len(str(failure.value)) < 2000
