"""Captured documents of the fabric: each is read, and its meaning survives being written again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import BlobType, Dependency, ExtensionsGoalState, Handler, Source, Wanted
from limpet.model.ids import Etag, Incarnation
from limpet.wire.artifactsprofile import parse_artifacts_profile
from limpet.wire.certificates import parse_certificate_file, render_certificate_file
from limpet.wire.extensionsconfig import parse_extensions_config, render_extensions_config
from limpet.wire.goalstate import parse_goal_state, parse_versions, render_goal_state
from limpet.wire.hostingenvironment import parse_hosting_environment, render_hosting_environment
from limpet.wire.manifest import parse_manifest, render_manifest
from limpet.wire.remoteaccess import parse_remote_access
from limpet.wire.sharedconfig import parse_shared_config, render_shared_config
from limpet.wire.ticks import text_to_ticks
from limpet.wire.vmsettings import parse_vm_settings
from limpet.wire.vmsettings_render import render_vm_settings

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of captured documents is not here")


def sample(name: str) -> bytes:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"the corpus has no {name}")
    return path.read_bytes()


def extensions_config(name: str) -> ExtensionsGoalState:
    return parse_extensions_config(sample(f"wire/{name}.xml"), Incarnation("9"))


def vm_settings(name: str) -> ExtensionsGoalState:
    return parse_vm_settings(sample(f"hostgaplugin/{name}.json"), Etag("1"))


EXTENSIONS = (
    "ext_conf",
    "ext_conf_in_vm_artifacts_profile",
    "ext_conf_in_vm_metadata",
    "ext_conf_multiple_extensions",
    "ext_conf_no_extensions-page_blob",
    "ext_conf_no_settings",
    "ext_conf_required_features",
    "ext_conf_rsm_version",
    "ext_conf_sequencing",
    "multi-config/ext_conf_multi_config_no_dependencies",
)
SETTINGS = (
    "vm_settings",
    "vm_settings-fabric-no_thumbprints",
    "vm_settings-no_manifests",
    "vm_settings-out-of-sync",
)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extensions_config_is_read_whole_and_survives_being_written(name: str) -> None:
    state = extensions_config(name)
    assert not [handler.invalid for handler in state.handlers if handler.invalid]
    assert all(settings.usable for handler in state.handlers for settings in handler.settings)
    again = parse_extensions_config(
        render_extensions_config(state, text_to_ticks(state.created)), Incarnation("9")
    )
    assert again == state


@pytest.mark.parametrize("name", SETTINGS)
def test_vm_settings_are_read_whole_and_survive_being_written(name: str) -> None:
    state = vm_settings(name)
    assert not [handler.invalid for handler in state.handlers if handler.invalid]
    assert parse_vm_settings(render_vm_settings(state, text_to_ticks(state.created)), Etag("1")) == state


def test_what_the_extensions_configs_say() -> None:
    plain = extensions_config("ext_conf")
    (handler,) = plain.handlers
    assert (handler.name, handler.version, handler.wanted) == (
        "OSTCExtensions.ExampleHandlerLinux",
        "1.0.0",
        Wanted.ENABLED,
    )
    assert len(handler.manifest_uris) == 2
    assert handler.encoded_signature.startswith("MIInEAYJ")
    assert handler.settings[0].public == {"foo": "bar"}
    assert plain.thumbprints == {"F6ABAA61098A301EBB8A571C3C7CF77F355F7FA9"}
    assert plain.created == "2021-11-16T13:22:50.620521Z"
    assert [family.name for family in plain.families] == ["Prod", "Test"]

    assert extensions_config("ext_conf_no_settings").handlers[0].settings == ()
    assert extensions_config("ext_conf_no_extensions-page_blob").handlers == ()
    upload = extensions_config("ext_conf_no_extensions-page_blob").status_upload
    assert upload is not None
    assert upload.blob_type is BlobType.PAGE
    assert extensions_config("ext_conf_in_vm_artifacts_profile").artifacts_profile is not None
    assert extensions_config("ext_conf_required_features").required_features
    family = extensions_config("ext_conf_rsm_version").families[0]
    assert (family.version, family.is_version_from_rsm, family.is_vm_enabled_for_rsm_upgrades) == (
        "9.9.9.10",
        True,
        True,
    )


def levels(state: ExtensionsGoalState) -> dict[str, int]:
    return {each.name: each.dependency_level for handler in state.handlers for each in handler.settings}


def test_levels_and_several_extensions_are_read() -> None:
    sequence = extensions_config("ext_conf_sequencing")
    assert levels(sequence) == {
        "OSTCExtensions.ExampleHandlerLinux": 2,
        "OSTCExtensions.OtherExampleHandlerLinux": 1,
    }
    assert sequence.handlers[0].settings[0].dependencies == (
        Dependency(handler="OSTCExtensions.OtherExampleHandlerLinux"),
    )
    several = extensions_config("multi-config/ext_conf_multi_config_no_dependencies").handlers
    assert [(handler.multi_config, [each.name for each in handler.settings]) for handler in several] == [
        (True, ["firstExtension", "secondExtension", "thirdExtension"]),
        (False, ["Microsoft.Powershell.ExampleExtension"]),
    ]


def by_name(state: ExtensionsGoalState, ending: str) -> Handler:
    (found,) = (handler for handler in state.handlers if handler.name.endswith(ending))
    return found


def test_what_the_vm_settings_say() -> None:
    state = vm_settings("vm_settings")
    assert state.source is Source.FAST_TRACK
    commands = by_name(state, "RunCommandHandlerLinux")
    assert commands.multi_config
    assert levels(replace(state, handlers=(commands,))) == {"MCExt1": 2, "MCExt2": 1, "MCExt3": 0}
    script = by_name(state, "CustomScript").settings[0]
    # DependsOnExtension is written in another letter case here.
    assert script.dependencies == (
        Dependency(handler="Microsoft.Azure.Security.Monitoring.AzureSecurityLinuxAgent"),
    )
    assert vm_settings("vm_settings-fabric-no_thumbprints").source is Source.FABRIC
    assert vm_settings("vm_settings-out-of-sync").on_hold is True
    bare = vm_settings("vm_settings-no_manifests").handlers
    assert [(handler.wanted, len(handler.manifest_uris)) for handler in bare] == [
        (Wanted.UNINSTALL, 0),
        (Wanted.UNINSTALL, 0),
        (Wanted.ENABLED, 2),
    ]


@pytest.mark.parametrize("name", ["goal_state", "goal_state_no_ext", "goal_state_remote_access"])
def test_a_goal_state_survives_being_written(name: str) -> None:
    state = parse_goal_state(sample(f"wire/{name}.xml"))
    assert parse_goal_state(render_goal_state(state)) == state
    assert (state.remote_access is not None) is name.endswith("remote_access")
    assert (state.extensions_config is None) is name.endswith("no_ext")


def test_the_plain_parts_survive_being_written() -> None:
    hosting = parse_hosting_environment(sample("wire/hosting_env.xml"))
    assert (hosting.instance_name, hosting.role_name) == ("MachineRole_IN_0", "MachineRole")
    assert parse_hosting_environment(render_hosting_environment(hosting, "1")) == hosting
    shared = parse_shared_config(sample("wire/shared_config.xml"))
    assert shared.addresses == (("MachineRole_IN_0", "10.115.153.75"),)
    assert parse_shared_config(render_shared_config(shared, "1")) == shared
    assert parse_versions(sample("wire/version_info.xml")).accept("2012-11-30")
    assert parse_artifacts_profile(sample("wire/in_vm_artifacts_profile.json")).on_hold
    assert parse_artifacts_profile(sample("hostgaplugin/in_vm_artifacts_profile.json")).on_hold


def test_a_bundle_survives_being_written() -> None:
    bundle = parse_certificate_file(sample("wire/certs.xml"))
    assert bundle.usable
    assert bundle.data[:2] == b"\x30\x82"  # a DER sequence
    assert parse_certificate_file(render_certificate_file(bundle)) == bundle


@pytest.mark.parametrize("name", ["manifest", "ga_manifest"])
def test_a_manifest_survives_being_written(name: str) -> None:
    packages = parse_manifest(sample(f"wire/{name}.xml"))
    assert packages
    assert all(package.uris for package in packages)
    assert parse_manifest(render_manifest(packages)) == packages


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("remote_access_single_account", ["testAccount"]),
        ("remote_access_two_accounts", ["testAccount1", "testAccount2"]),
    ],
)
def test_users_without_a_usable_password_are_still_listed(name: str, users: list[str]) -> None:
    found = parse_remote_access(sample(f"wire/{name}.xml")).users
    assert [user.name for user in found] == users
    assert {user.invalid for user in found} == {"element Password is not base64"}


XML_PARSERS: dict[str, Callable[[bytes], object]] = {
    "goal_state": parse_goal_state,
    "ext_conf_sequencing": lambda body: parse_extensions_config(body, Incarnation("1")),
    "certs": parse_certificate_file,
    "manifest": parse_manifest,
}


@pytest.mark.parametrize(("name", "parse"), XML_PARSERS.items(), ids=XML_PARSERS)
def test_a_captured_document_cut_at_any_byte_is_refused(name: str, parse: Callable[[bytes], object]) -> None:
    body = sample(f"wire/{name}.xml").rstrip()
    for length in range(len(body)):
        with pytest.raises(MalformedDocument):
            parse(body[:length])
