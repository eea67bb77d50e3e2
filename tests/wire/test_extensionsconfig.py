"""ExtensionsConfig: its top level and its plugins. The settings of a plugin have a test module of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from tests.wire.strategies import fabric_goal_states, ticks

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import (
    ZERO_GUID,
    AgentFamily,
    BlobType,
    Channel,
    ExtensionsGoalState,
    Handler,
    Source,
    Wanted,
)
from limpet.model.ids import Incarnation
from limpet.wire.extensionsconfig import parse_extensions_config, render_extensions_config
from limpet.wire.ticks import UNKNOWN_TIME, ticks_to_text

PLUGIN = '<Plugin name="Acme.Sample" version="1.0.0" location="http://s/m1" state="enabled"/>'


def parse(inside: str, incarnation: str = "7") -> ExtensionsGoalState:
    body = f'<Extensions version="1.0.0.0" goalStateIncarnation="7">{inside}</Extensions>'
    return parse_extensions_config(body.encode(), Incarnation(incarnation))


def plugin(attributes: str, inside: str = "") -> Handler:
    (handler,) = parse(f"<Plugins><Plugin {attributes}>{inside}</Plugin></Plugins>").handlers
    return handler


@given(fabric_goal_states, ticks)
def test_a_goal_state_survives_the_way_to_the_wire_and_back(state: ExtensionsGoalState, count: int) -> None:
    parsed = parse_extensions_config(render_extensions_config(state, count), Incarnation("9"))
    expected = replace(
        state, id="incarnation_9", svd_sequence_number="9", created=ticks_to_text(count), on_hold=None
    )
    assert parsed == expected


def test_a_document_that_says_nothing_has_every_placeholder() -> None:
    assert parse("") == ExtensionsGoalState(
        id="incarnation_7", channel=Channel.WIRE_SERVER, source=Source.FABRIC, svd_sequence_number="7"
    )
    state = parse("")
    assert (state.created, state.activity_id, state.correlation_id) == (UNKNOWN_TIME, ZERO_GUID, ZERO_GUID)


def test_the_sequence_number_reported_is_the_incarnation_and_not_the_one_inside() -> None:
    state = parse('<InVMGoalStateMetaData inSvdSeqNo="3" createdOnTicks="638800000000000000"/>', "12")
    assert (state.id, state.svd_sequence_number) == ("incarnation_12", "12")


@pytest.mark.parametrize(
    ("attributes", "created", "activity", "correlation"),
    [
        (
            'createdOnTicks="637726657706205217" activityId="A" correlationId="B"',
            "2021-11-16T13:22:50.620521Z",
            "A",
            "B",
        ),
        ('createdOnTicks="" activityId="" correlationId=""', UNKNOWN_TIME, ZERO_GUID, ZERO_GUID),
        ('createdOnTicks="soon"', UNKNOWN_TIME, ZERO_GUID, ZERO_GUID),
        (f'createdOnTicks="{"9" * 10_000}"', UNKNOWN_TIME, ZERO_GUID, ZERO_GUID),
        ('createdOnTicks="-5"', UNKNOWN_TIME, ZERO_GUID, ZERO_GUID),
    ],
    ids=["all", "empty", "no number", "10,000 digits", "negative"],
)
def test_metadata_that_is_missing_or_unusable_has_its_placeholder(
    attributes: str, created: str, activity: str, correlation: str
) -> None:
    state = parse(f"<InVMGoalStateMetaData {attributes}/>")
    assert (state.created, state.activity_id, state.correlation_id) == (created, activity, correlation)


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ('statusBlobType="BlockBlob"', BlobType.BLOCK),
        ('statusBlobType="PageBlob"', BlobType.PAGE),
        ('statusBlobType="AppendBlob"', BlobType.BLOCK),
        ('statusBlobType=""', BlobType.BLOCK),
        ("", BlobType.BLOCK),
    ],
)
def test_the_status_blob_is_a_block_blob_unless_said_otherwise(attribute: str, kind: BlobType) -> None:
    upload = parse(
        f"<StatusUploadBlob {attribute}>\n http://s/b?sv=1&amp;sig=x \n</StatusUploadBlob>"
    ).status_upload
    assert upload is not None
    assert (upload.url.reveal(), upload.blob_type) == ("http://s/b?sv=1&sig=x", kind)


@pytest.mark.parametrize("element", ["", "<StatusUploadBlob/>", "<StatusUploadBlob> </StatusUploadBlob>"])
def test_a_goal_state_may_have_no_place_for_status(element: str) -> None:
    assert parse(element).status_upload is None


def test_a_place_for_status_that_is_no_url_is_refused() -> None:
    with pytest.raises(MalformedDocument, match="element StatusUploadBlob is not an http or https URL"):
        parse("<StatusUploadBlob>/vhds/status</StatusUploadBlob>")


@pytest.mark.parametrize(
    ("text", "url"),
    [("http://s/p?sig=x", "http://s/p?sig=x"), ("", None), ("nonsense", None), ("http://s/a b", None)],
)
def test_an_artifacts_profile_that_cannot_be_fetched_is_none(text: str, url: str | None) -> None:
    profile = parse(f"<InVMArtifactsProfileBlob>{text}</InVMArtifactsProfileBlob>").artifacts_profile
    assert (profile.reveal() if profile else None) == url


def test_places_with_their_own_authority_are_not_shown() -> None:
    shown = repr(
        parse(
            "<StatusUploadBlob>http://s/b?sig=hidden</StatusUploadBlob>"
            "<InVMArtifactsProfileBlob>http://s/p?sig=hidden</InVMArtifactsProfileBlob>"
        )
    )
    assert "hidden" not in shown


def test_every_required_feature_is_listed_by_name() -> None:
    state = parse(
        "<RequiredFeatures><RequiredFeature><Name>A</Name><Value>1.0</Value></RequiredFeature>"
        "<RequiredFeature><Name> B </Name></RequiredFeature></RequiredFeatures>"
    )
    assert state.required_features == ("A", "B")


def test_a_required_feature_without_a_name_is_refused() -> None:
    with pytest.raises(MalformedDocument, match="element Name is missing"):
        parse("<RequiredFeatures><RequiredFeature><Value>1.0</Value></RequiredFeature></RequiredFeatures>")


def family(inside: str) -> tuple[AgentFamily, ...]:
    return parse(
        f"<GuestAgentExtension><GAFamilies><GAFamily>{inside}</GAFamily></GAFamilies></GuestAgentExtension>"
    ).families


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("no", False), ("", None)],
)
def test_booleans_of_a_family_have_three_states(word: str, value: bool | None) -> None:
    (found,) = family(
        f"<Name>Prod</Name><IsVersionFromRSM>{word}</IsVersionFromRSM>"
        f"<IsVMEnabledForRSMUpgrades>{word}</IsVMEnabledForRSMUpgrades>"
    )
    assert found.is_version_from_rsm is value
    assert found.is_vm_enabled_for_rsm_upgrades is value


def test_a_family_needs_only_its_name() -> None:
    assert family("<Name>Prod</Name>") == (AgentFamily(name="Prod"),)
    assert family("<Version>2.9</Version>") == ()
    assert family("<Name>Prod</Name><Uris><Uri/><Uri>http://s/m</Uri></Uris>")[0].uris == ("http://s/m",)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("enabled", Wanted.ENABLED),
        ("Enabled", Wanted.ENABLED),
        ("disabled", Wanted.DISABLED),
        ("uninstall", Wanted.UNINSTALL),
    ],
)
def test_a_handler_is_wanted_in_one_of_three_states(word: str, wanted: Wanted) -> None:
    handler = plugin(f'name="Acme.Sample" version="1.0" state="{word}"')
    assert (handler.wanted, handler.invalid) == (wanted, None)


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ('name="Acme.Sample" version="1.0"', "The goal state gives Acme.Sample no state."),
        ('name="Acme.Sample" version="1.0" state=""', "The goal state gives Acme.Sample no state."),
        (
            'name="Acme.Sample" version="1.0" state="paused"',
            "The goal state gives Acme.Sample an unknown state 'paused'.",
        ),
        ('version="1.0" state="enabled"', "The goal state names a handler ''"),
        ('name="" version="1.0" state="enabled"', "The goal state names a handler ''"),
        ('name="Acme.Sample" state="enabled"', "asks for version '' of Acme.Sample"),
        ('name="Acme.Sample" version="latest" state="enabled"', "asks for version 'latest' of Acme.Sample"),
        ('name="Acme.Sample" version="1.0-rc1" state="enabled"', "asks for version '1.0-rc1'"),
        ('name="Acme.Sample" version="../1" state="enabled"', "asks for version '../1'"),
        ('name="../../etc" version="1.0" state="enabled"', "The goal state names a handler '../../etc'"),
        ('name="a/b" version="1.0" state="enabled"', "The goal state names a handler 'a/b'"),
        ('name=".hidden" version="1.0" state="enabled"', "The goal state names a handler '.hidden'"),
        ('name="-rf" version="1.0" state="enabled"', "The goal state names a handler '-rf'"),
        ('name="a&#10;b" version="1.0" state="enabled"', r"The goal state names a handler 'a\nb'"),
        ('name="a..b" version="1.0" state="enabled"', "The goal state names a handler 'a..b'"),
        (f'name="{"x" * 129}" version="1.0" state="enabled"', "The goal state names a handler 'xxx"),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why(attributes: str, problem: str) -> None:
    handler = plugin(attributes)
    assert handler.invalid is not None
    assert problem in handler.invalid
    assert len(handler.invalid) < 250


def test_a_plugin_that_cannot_be_used_does_not_hold_up_its_siblings() -> None:
    state = parse(f'<Plugins><Plugin name="../x" version="1"/>{PLUGIN}</Plugins>')
    assert [handler.invalid is None for handler in state.handlers] == [False, True]


@pytest.mark.parametrize(
    ("attributes", "inside", "uris"),
    [
        ("", "", ()),
        ('location="http://s/1"', "", ("http://s/1",)),
        ('failoverlocation="http://s/2" location="http://s/1"', "", ("http://s/1", "http://s/2")),
        ('location="" failoverlocation="http://s/2"', "", ("http://s/2",)),
        (
            'location="http://s/1"',
            (
                "<additionalLocations><additionalLocation> http://s/3 </additionalLocation><additionalLocation/>"
                "<additionalLocation>http://s/4</additionalLocation></additionalLocations>"
            ),
            ("http://s/1", "http://s/3", "http://s/4"),
        ),
        ('location="http://s/1" failoverlocation="http://s/1"', "", ("http://s/1",)),
        ('location="file:///etc/passwd" failoverlocation="http://s/&#10;x"', "", ()),
    ],
)
def test_a_manifest_is_at_every_location_that_can_be_asked_for(
    attributes: str, inside: str, uris: tuple[str, ...]
) -> None:
    handler = plugin(f'name="Acme.Sample" version="1.0" state="enabled" {attributes}', inside)
    assert (handler.manifest_uris, handler.invalid) == (uris, None)


def test_attributes_that_no_client_needs_are_kept_when_they_make_sense() -> None:
    handler = plugin(
        'name="A.B" version="1.0" state="enabled" config="x" autoUpgrade="True" useExactVersion="false" isJson="" '
        'runAsStartupTask="maybe" upgradeGuid="{0}" encodedSignature="MII="'
    )
    assert (
        handler.auto_upgrade,
        handler.use_exact_version,
        handler.is_json,
        handler.run_as_startup_task,
    ) == (
        True,
        False,
        None,
        False,
    )
    assert handler.encoded_signature == "MII="


def test_the_first_list_of_plugins_counts_and_the_order_of_elements_does_not() -> None:
    settings = '<PluginSettings><Plugin name="Acme.Sample" version="1.0.0"><RuntimeSettings seqNo="4">{0}</RuntimeSettings></Plugin></PluginSettings>'
    state = parse(f"{settings}<Plugins>{PLUGIN}</Plugins><Plugins><Plugin name='x'/></Plugins>")
    assert [handler.name for handler in state.handlers] == ["Acme.Sample"]
    assert state.handlers[0].settings[0].sequence_number == 4


def test_unknown_elements_and_attributes_do_not_matter() -> None:
    state = parse(
        f'<HealthProbe id="x" port="80"/><New a="1"><Newer/></New><Plugins new="1"><Note/>{PLUGIN}</Plugins>'
    )
    assert state.handlers == parse(f"<Plugins>{PLUGIN}</Plugins>").handlers


def test_another_document_is_refused() -> None:
    with pytest.raises(
        MalformedDocument, match="ExtensionsConfig: its root element is 'Error' instead of 'Extensions'"
    ):
        parse_extensions_config(b"<Error/>", Incarnation("1"))


def test_very_many_plugins_and_settings_are_matched_in_one_pass() -> None:
    plugins = "".join(f'<Plugin name="A.B{n}" version="1" state="enabled"/>' for n in range(20_000))
    settings = "".join(
        f'<Plugin name="a.b{n}" version="1"><RuntimeSettings seqNo="{n}">{{}}</RuntimeSettings></Plugin>'
        for n in range(20_000)
    )
    state = parse(f"<Plugins>{plugins}</Plugins><PluginSettings>{settings}</PluginSettings>")
    assert [handler.settings[0].sequence_number for handler in state.handlers] == list(range(20_000))
