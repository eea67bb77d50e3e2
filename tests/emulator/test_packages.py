"""Packages from folders and zips."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator import broken_packages

from limpet.emulator.storage import packages
from limpet.emulator.storage.packages import PackageRefused, load_package, read_package, zip_of
from limpet.model.manifest import Operation

SIGNED = b"""[{"handlerManifest": {"enableCommand": "do"},
               "signingInfo": {"publisher": "Acme.Tools", "type": "Sample", "version": "2.0.1"}}]"""
EXAMPLES = Path(__file__).parents[2] / "examples"


def folder(
    at: Path, name: str = "Acme.Sample-1.0.7", manifest: bytes = broken_packages.GOOD_MANIFEST
) -> Path:
    found = at / name
    (found / "bin").mkdir(parents=True)
    (found / "HandlerManifest.json").write_bytes(manifest)
    (found / "bin" / "do").write_text("#!/bin/sh\n", encoding="utf-8")
    (found / "bin" / "do").chmod(0o755)
    (found / "notes.txt").write_text("notes", encoding="utf-8")
    return found


def test_a_folder_becomes_a_package_called_after_it(tmp_path: Path) -> None:
    found = load_package(folder(tmp_path))
    assert (found.name, str(found.version)) == ("Acme.Sample", "1.0.7")
    with zipfile.ZipFile(io.BytesIO(found.zip_bytes)) as package:
        assert package.namelist() == ["HandlerManifest.json", "bin/do", "notes.txt"]
        assert package.read("notes.txt") == b"notes"
        assert package.getinfo("bin/do").external_attr >> 16 == stat.S_IFREG | 0o755
        assert package.getinfo("notes.txt").external_attr >> 16 == stat.S_IFREG | 0o644


def test_the_same_folder_is_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    first = folder(tmp_path)
    second = tmp_path / "elsewhere"
    shutil.copytree(first, second)
    for path in sorted(second.rglob("*"), reverse=True):
        os.utime(path, (1, 1))
    assert zip_of(first) == zip_of(second)


def test_what_is_a_developers_is_left_out(tmp_path: Path) -> None:
    found = folder(tmp_path)
    before = zip_of(found)
    for name in (".git", "bin/__pycache__"):
        (found / name).mkdir()
        (found / name / "x").write_text("x", encoding="utf-8")
    assert zip_of(found) == before


@pytest.mark.parametrize("name", ["Acme.Sample-1.0.7.zip", "Acme.Sample__1.0.7.zip", "Acme.Sample__1.0.7"])
def test_a_zip_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    content = broken_packages.good()
    (tmp_path / name).write_bytes(content)
    found = load_package(tmp_path / name)
    assert (found.name, str(found.version), found.zip_bytes) == ("Acme.Sample", "1.0.7", content)


def test_a_name_that_says_nothing_is_made_up_for_by_the_signing_information(tmp_path: Path) -> None:
    found = load_package(folder(tmp_path, "handler", SIGNED))
    assert (found.name, str(found.version)) == ("Acme.Tools.Sample", "2.0.1")


def test_what_is_given_comes_before_what_is_found(tmp_path: Path) -> None:
    found = load_package(folder(tmp_path), name="Other.Name", version="9")
    assert (found.name, str(found.version)) == ("Other.Name", "9")
    assert str(load_package(folder(tmp_path / "b"), version="9").version) == "9"


def test_the_folder_one_stands_in_can_be_given(tmp_path: Path) -> None:
    here = folder(tmp_path)
    assert load_package(here / "bin" / "..").name == "Acme.Sample"


def test_a_manifest_below_the_root_is_found() -> None:
    content = broken_packages.package(
        ("inner/deep/HandlerManifest.json", b"x"), ("inner/HandlerManifest.json", SIGNED), manifest=None
    )
    assert read_package(content, name=None, version=None).name == "Acme.Tools.Sample"


def test_a_manifest_with_a_byte_order_mark_is_read() -> None:
    manifest = packages.manifest_of(broken_packages.with_byte_order_mark(), "it")
    assert manifest.commands[Operation.ENABLE] == "do enable"


@pytest.mark.parametrize(
    "make", [broken_packages.climbing, broken_packages.truncated, broken_packages.nothing]
)
def test_with_name_and_version_anything_is_hosted(make: object) -> None:
    assert callable(make)
    content = make()
    assert read_package(content, name="Acme.Sample", version="1.0").zip_bytes == content


REFUSED = {
    "a zip of something else": (broken_packages.without_manifest, "there is no HandlerManifest.json in it"),
    "half a zip": (broken_packages.truncated, "not a zip that can be read"),
    "damaged, packed in a rarer way": (broken_packages.corrupt_lzma, "not a zip that can be read"),
    "nothing": (broken_packages.nothing, "not a zip that can be read"),
    "a broken manifest": (
        broken_packages.with_broken_manifest,
        "HandlerManifest.json: not JSON: .* at line 1",
    ),
    "no name anywhere": (broken_packages.good, "its name and version is not known: give it"),
}


@pytest.mark.parametrize(("make", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_package_without_a_name_must_say_it(make: object, problem: str) -> None:
    assert callable(make)
    with pytest.raises(PackageRefused, match=f"^the package: {problem}"):
        read_package(make(), name=None, version=None)


@pytest.mark.parametrize(
    ("name", "version", "problem"),
    [
        ("Acme Sample", "1.0", "'Acme Sample' is not a handler's name"),
        ("Acme-Sample", "1.0", "is not a handler's name"),
        ("../x", "1.0", "is not a handler's name"),
        ("Acme.Sample", "one", "'one' is not a dotted version"),
        ("A" * 200, "1.0", "is not a handler's name"),
    ],
)
def test_a_name_or_version_that_clients_cannot_use_is_refused(name: str, version: str, problem: str) -> None:
    with pytest.raises(PackageRefused, match=problem):
        read_package(b"", name=name, version=version)


def test_a_path_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(PackageRefused, match=r"nothing: there is no such folder or zip"):
        load_package(tmp_path / "nothing")


def test_a_folder_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    broken = folder(tmp_path, manifest=b"[]")
    with pytest.raises(
        PackageRefused, match=r"HandlerManifest.json: the document is not an array that begins"
    ):
        load_package(broken)
    assert load_package(broken, unchecked=True).name == "Acme.Sample"


def test_links_and_pipes_do_not_get_into_a_package(tmp_path: Path) -> None:
    found = folder(tmp_path)
    (found / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(PackageRefused, match=r"passwd: a package holds files and folders only"):
        load_package(found)
    (found / "passwd").unlink()
    os.mkfifo(found / "pipe")
    with pytest.raises(PackageRefused, match=r"pipe: a package holds files and folders only"):
        load_package(found)


def test_a_manifest_that_grows_without_end_is_refused() -> None:
    huge = broken_packages.package(manifest=b" " * (packages.LARGEST_MANIFEST + 1))
    with pytest.raises(PackageRefused, match="larger than"):
        packages.manifest_of(huge, "it")


@given(content=st.binary(max_size=200), cut=st.integers(0, 400))
def test_no_bytes_make_reading_fail_in_another_way(content: bytes, cut: int) -> None:
    for candidate in (content, broken_packages.good()[:cut] + content):
        try:
            packages.manifest_of(candidate, "it")
        except PackageRefused as error:
            assert str(error).startswith("it: ")  # noqa: PT017 - either outcome is right, another error is not


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*-*.*.*")), ids=lambda path: path.name)
def test_the_examples_can_be_hosted(path: Path) -> None:
    found = load_package(path)
    info = packages.manifest_of(found.zip_bytes, path.name).signing_info
    assert info is not None
    assert path.name == f"{found.name}-{found.version}"
    assert path.name == f"{info['publisher']}.{info['type']}-{info['version']}"
