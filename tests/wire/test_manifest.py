"""Manifests of handlers and of the agent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import urls, versions

from limpet.model.errors import MalformedDocument
from limpet.model.manifest import Package
from limpet.model.version import Version
from limpet.wire.manifest import parse_manifest, render_manifest

packages = st.lists(
    st.builds(
        Package,
        version=versions.map(Version.parse),
        uris=st.lists(urls, max_size=2, unique=True).map(tuple),
        internal=st.booleans(),
        disallow_major_upgrade=st.booleans(),
    ),
    max_size=4,
)


def parse(inside: str) -> tuple[Package, ...]:
    return parse_manifest(f"<PluginVersionManifest>{inside}</PluginVersionManifest>".encode())


def plugin(version: str, inside: str = "") -> str:
    return f"<Plugin><Version>{version}</Version>{inside}</Plugin>"


@given(packages)
def test_packages_survive_the_way_to_the_wire_and_back(given_: list[Package]) -> None:
    expected = sorted(given_, key=lambda package: package.internal)
    assert parse_manifest(render_manifest(given_)) == tuple(expected)


@given(packages)
def test_a_version_keeps_its_spelling(given_: list[Package]) -> None:
    spelled = {str(package.version) for package in parse_manifest(render_manifest(given_))}
    assert spelled == {str(package.version) for package in given_}


def test_public_and_internal_versions_are_one_list() -> None:
    found = parse(
        f"<InternalPlugins>{plugin('2.0')}</InternalPlugins><Plugins>{plugin('1.0')}{plugin('1.1')}</Plugins>"
    )
    assert [(str(package.version), package.internal) for package in found] == [
        ("1.0", False),
        ("1.1", False),
        ("2.0", True),
    ]


@pytest.mark.parametrize("inside", ["", "<Plugins/>", "<Plugins></Plugins><InternalPlugins/>"])
def test_a_manifest_may_offer_nothing(inside: str) -> None:
    assert parse(inside) == ()


@pytest.mark.parametrize(
    ("inside", "uris"),
    [
        ("", ()),
        ("<Uris/>", ()),
        ("<Uris><Uri> http://s/a </Uri><Uri/><Uri>https://s/b?sig=x&amp;y</Uri></Uris>", ("http://s/a", "https://s/b?sig=x&y")),
        ("<Uris><Uri>file:///etc/passwd</Uri><Uri>http://s/a b</Uri></Uris>", ()),
    ],
)  # fmt: skip
def test_a_package_is_at_every_location_that_can_be_asked_for(inside: str, uris: tuple[str, ...]) -> None:
    (package,) = parse(f"<Plugins>{plugin('1.0', inside)}</Plugins>")
    assert package.uris == uris


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("True", True), ("false", False), ("", False), ("1", False)]
)
def test_disallowing_a_major_upgrade_is_said_in_any_letter_case(word: str, value: bool) -> None:
    inside = f"<DisallowMajorVersionUpgrade>{word}</DisallowMajorVersionUpgrade>"
    (package,) = parse(f"<Plugins>{plugin('1.0', inside)}</Plugins>")
    assert package.disallow_major_upgrade is value


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("<Plugins><Plugin/></Plugins>", "element Version is missing"),
        (f"<Plugins>{plugin('')}</Plugins>", "element Version is empty"),
        (f"<Plugins>{plugin('newest')}</Plugins>", "element Version: 'newest' is not a dotted version"),
        (f"<Plugins>{plugin('1..2')}</Plugins>", "element Version: '1..2' is not a dotted version"),
        (f"<Plugins>{plugin('٣.٤')}</Plugins>", "is not a dotted version"),
        (f"<InternalPlugins>{plugin('9' * 5000)}</InternalPlugins>", "is not a dotted version"),
    ],
)
def test_a_version_that_cannot_be_compared_is_refused(inside: str, problem: str) -> None:
    with pytest.raises(MalformedDocument, match=r"^PluginVersionManifest: ") as refusal:
        parse(inside)
    assert problem in refusal.value.problem
    assert len(refusal.value.problem) < 200
