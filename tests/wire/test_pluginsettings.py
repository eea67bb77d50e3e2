"""PluginSettings of ExtensionsConfig: each rule of wire-protocol.md §4.4."""

from __future__ import annotations

import json

import pytest

from limpet.model.extensions import Dependency, ExtensionSettings, Handler, Wanted
from limpet.model.ids import Incarnation, SequenceNumber
from limpet.model.secret import Secret
from limpet.wire.extensionsconfig import parse_extensions_config

EMPTY = '{"runtimeSettings":[{"handlerSettings":{}}]}'
ENTRY = '<Plugin name="Acme.Sample" version="1.0.0">{0}</Plugin>'


def runtime(number: str = "0", text: str = EMPTY) -> str:
    return f'<RuntimeSettings seqNo="{number}">{text}</RuntimeSettings>'


def named(name: str, attributes: str = 'seqNo="0"', text: str = EMPTY) -> str:
    return f'<ExtensionRuntimeSettings name="{name}" {attributes}>{text}</ExtensionRuntimeSettings>'


def handler(*entries: str) -> Handler:
    body = (
        '<Extensions><Plugins><Plugin name="Acme.Sample" version="1.0.0" state="enabled"/></Plugins>'
        f"<PluginSettings>{''.join(entries)}</PluginSettings></Extensions>"
    )
    (found,) = parse_extensions_config(body.encode(), Incarnation("1")).handlers
    return found


def configured(inside: str) -> Handler:
    return handler(ENTRY.format(inside))


def only(inside: str) -> ExtensionSettings:
    found = configured(inside)
    assert found.invalid is None
    (settings,) = found.settings
    return settings


def content(**members: object) -> str:
    return json.dumps({"runtimeSettings": [{"handlerSettings": members}]})


# --- which entry belongs to which plugin


@pytest.mark.parametrize("name", ["Acme.Sample", "acme.sample", "ACME.SAMPLE"])
def test_settings_belong_to_a_plugin_by_name_in_any_letter_case(name: str) -> None:
    found = handler(f'<Plugin name="{name}" version="1.0.0">{runtime("5")}</Plugin>')
    assert (found.name, found.settings[0].name, found.settings[0].sequence_number) == (
        "Acme.Sample",
        "Acme.Sample",
        5,
    )


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (f'<Plugin name="Acme.Other" version="1.0.0">{runtime()}</Plugin>',),
        (ENTRY.format(""),),
        (ENTRY.format("<Unheard/>"),),
    ],
)
def test_a_plugin_without_settings_is_processed_without_any(entries: tuple[str, ...]) -> None:
    found = handler(*entries)
    assert (found.settings, found.invalid, found.multi_config) == ((), None, False)


INVALID = {
    "another version": (
        (f'<Plugin name="Acme.Sample" version="1.0">{runtime()}</Plugin>',),
        "The settings of Acme.Sample are for version '1.0' instead of '1.0.0'.",
    ),
    "no version": (
        (f'<Plugin name="Acme.Sample">{runtime()}</Plugin>',),
        "The settings of Acme.Sample are for version '' instead of '1.0.0'.",
    ),
    "another version in one of two": (
        (ENTRY.format(runtime()), f'<Plugin name="acme.sample" version="2.0">{runtime()}</Plugin>'),
        "The settings of Acme.Sample are for version '2.0' instead of '1.0.0'.",
    ),
    "two entries": (
        (ENTRY.format(runtime()), ENTRY.format(runtime("1"))),
        "Acme.Sample has 2 settings entries instead of one.",
    ),
    "two entries of no settings": (
        (ENTRY.format(""), ENTRY.format("")),
        "Acme.Sample has 2 settings entries instead of one.",
    ),
    "two RuntimeSettings": (
        (ENTRY.format(runtime() + runtime("1")),),
        "Acme.Sample has 2 RuntimeSettings instead of one.",
    ),
    "both kinds": (
        (ENTRY.format(runtime() + named("x")),),
        "Acme.Sample has both RuntimeSettings and ExtensionRuntimeSettings.",
    ),
    "two DependsOn": (
        (ENTRY.format('<DependsOn dependencyLevel="1"/><DependsOn dependencyLevel="1"/>' + runtime()),),
        "Acme.Sample has 2 DependsOn instead of one.",
    ),
    "no number": (
        (ENTRY.format(f"<RuntimeSettings>{EMPTY}</RuntimeSettings>"),),
        "The sequence number of Acme.Sample is missing.",
    ),
    "an empty number": ((ENTRY.format(runtime("")),), "The sequence number of Acme.Sample is missing."),
    "no such number": (
        (ENTRY.format(runtime("first")),),
        "The sequence number of Acme.Sample is 'first' instead of a number.",
    ),
    "half a number": (
        (ENTRY.format(runtime("1.5")),),
        "The sequence number of Acme.Sample is '1.5' instead of a number.",
    ),
    "a number as Python writes it": (
        (ENTRY.format(runtime("1_0")),),
        "The sequence number of Acme.Sample is '1_0' instead of a number.",
    ),
    "a negative number": (
        (ENTRY.format(runtime("-1")),),
        "The sequence number of Acme.Sample is -1, outside 0 to 9223372036854775807.",
    ),
    "an enormous number": (
        (ENTRY.format(runtime("9223372036854775808")),),
        "The sequence number of Acme.Sample is 9223372036854775808, outside 0 to 9223372036854775807.",
    ),
    "10,000 digits": (
        (ENTRY.format(runtime("7" * 10_000)),),
        f"The sequence number of Acme.Sample is '{'7' * 32}' instead of a number.",
    ),
    "a certificate that is a path": (
        (
            ENTRY.format(
                runtime(text=content(protectedSettings="x", protectedSettingsCertThumbprint="../../x"))
            ),
        ),
        "The protected settings of Acme.Sample name a certificate by '../../X', which is not hex digits.",
    ),
    "an extension without a name": (
        (ENTRY.format(f'<ExtensionRuntimeSettings seqNo="0">{EMPTY}</ExtensionRuntimeSettings>'),),
        "An ExtensionRuntimeSettings of Acme.Sample has no name.",
    ),
    "two extensions of one name": (
        (ENTRY.format(named("x") + named("y") + named("x", 'seqNo="1"')),),
        "Acme.Sample has several ExtensionRuntimeSettings called 'x'.",
    ),
    "an extension that is a path": (
        (ENTRY.format(named("../x")),),
        "The goal state names an extension '../x', which cannot be part of a file's name.",
    ),
    "an extension without a number": (
        (ENTRY.format(named("x", "")),),
        "The sequence number of x is missing.",
    ),
    "a DependsOn of no extension": (
        (ENTRY.format(named("x") + '<DependsOn dependencyLevel="1"/>'),),
        "A DependsOn of Acme.Sample does not name its extension.",
    ),
}


@pytest.mark.parametrize(("entries", "problem"), INVALID.values(), ids=INVALID)
def test_settings_that_break_a_rule_say_so_for_their_handler(entries: tuple[str, ...], problem: str) -> None:
    found = handler(*entries)
    assert found.invalid == f"{problem} Please retry with updated settings."
    assert found.settings == ()
    assert found.wanted is Wanted.ENABLED


@pytest.mark.parametrize("word", ["uninstall", "", "on", " enabled"])
def test_an_extension_in_an_unknown_state_says_so_and_its_siblings_are_as_they_are(word: str) -> None:
    found = handler(ENTRY.format(named("x", f'seqNo="4" state="{word}"') + named("y")))
    assert found.invalid is None
    wrong, right = found.settings
    assert (wrong.name, wrong.sequence_number, wrong.wanted) == ("x", 4, Wanted.ENABLED)
    told = (
        f"The extension 'x' of Acme.Sample has an unknown state {word!r}. Please retry with updated settings."
    )
    assert wrong.invalid == told
    assert right.invalid is None


def test_settings_that_break_a_rule_do_not_hold_up_other_plugins() -> None:
    body = (
        '<Extensions><Plugins><Plugin name="A.A" version="1" state="enabled"/><Plugin name="B.B" version="1" state="enabled"/>'
        f'</Plugins><PluginSettings><Plugin name="A.A" version="1">{runtime("x")}</Plugin>'
        f'<Plugin name="B.B" version="1">{runtime("2")}</Plugin></PluginSettings></Extensions>'
    )
    first, second = parse_extensions_config(body.encode(), Incarnation("1")).handlers
    assert first.invalid is not None
    assert (second.invalid, second.settings[0].sequence_number) == (None, 2)


# --- numbers and levels


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("+3", 3),
        ("007", 7),
        ("0" * 40 + "5", 5),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_a_sequence_number_is_a_whole_number(text: str, number: int) -> None:
    assert only(runtime(text)).sequence_number == number


@pytest.mark.parametrize(
    ("attribute", "level"),
    [
        ('dependencyLevel="2"', 2),
        ('dependencyLevel=" 2 "', 2),
        ("", 0),
        ('dependencyLevel=""', 0),
        ('dependencyLevel="high"', 0),
        ('dependencyLevel="1.5"', 0),
        ('dependencyLevel="-3"', 0),
        (f'dependencyLevel="{"9" * 10_000}"', 0),
    ],
)
def test_a_dependency_level_that_cannot_be_read_is_0(attribute: str, level: int) -> None:
    assert only(f"<DependsOn {attribute}/>{runtime()}").dependency_level == level


def test_what_an_extension_waits_for_is_kept_for_people() -> None:
    inside = (
        '<DependsOn dependencyLevel="1"><DependsOnExtension handler="Acme.Other"/>'
        f'<DependsOnExtension handler="Acme.Multi" extension="x"/></DependsOn>{runtime()}'
    )
    assert only(inside).dependencies == (
        Dependency(handler="Acme.Other"),
        Dependency(handler="Acme.Multi", extension="x"),
    )


# --- what is inside


@pytest.mark.parametrize(
    ("text", "public", "protected", "thumbprint"),
    [
        (content(), None, None, None),
        (content(publicSettings={"k": ["v", 1, None]}), {"k": ["v", 1, None]}, None, None),
        (content(publicSettings={}), {}, None, None),
        (content(publicSettings=None), None, None, None),
        (
            content(protectedSettings="MII=", protectedSettingsCertThumbprint="AB" * 20),
            None,
            "MII=",
            "AB" * 20,
        ),
        (
            content(protectedSettings="MII=", protectedSettingsCertThumbprint="ab" * 20),
            None,
            "MII=",
            "AB" * 20,
        ),
        (content(protectedSettings="MII="), None, "MII=", None),
        (content(protectedSettings="", protectedSettingsCertThumbprint=""), None, None, None),
        ('{"RuntimeSettings":[{"HandlerSettings":{"PublicSettings":{"K":1}}}]}', {"K": 1}, None, None),
        (f"<![CDATA[{content(publicSettings={'a': '<&>'})}]]>", {"a": "<&>"}, None, None),
        (f"\n {content(publicSettings={'a': 1})}\n", {"a": 1}, None, None),
    ],
)
def test_all_three_members_are_optional(
    text: str, public: object, protected: str | None, thumbprint: str | None
) -> None:
    settings = only(runtime("3", text))
    assert settings.usable
    assert settings.public == public
    assert settings.protected == (Secret(protected) if protected else None)
    assert settings.thumbprint == thumbprint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "not JSON",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"runtimeSettings": {}}',
        '{"runtimeSettings": [5]}',
        '{"runtimeSettings": [{}]}',
        '{"runtimeSettings": [{"handlerSettings": []}]}',
        content(protectedSettings={"k": "v"}),
        content(protectedSettings="x", protectedSettingsCertThumbprint=5),
        "[" * 100_000,
        '{"runtimeSettings":[{"handlerSettings":{"publicSettings":' + "9" * 10_000 + "}}]}",
    ],
)
def test_settings_that_cannot_be_read_keep_name_and_number(text: str) -> None:
    settings = only(runtime("6", text))
    assert not settings.usable
    assert settings == ExtensionSettings(name="Acme.Sample", sequence_number=SequenceNumber(6), usable=False)


def test_of_an_array_without_entries_there_is_no_extension_and_no_error() -> None:
    read = configured(runtime("3", '{"runtimeSettings":[]}'))
    assert (read.invalid, read.settings) == (None, ())


def test_each_entry_of_the_array_is_a_settings_object() -> None:
    text = '{"runtimeSettings":[{"handlerSettings":{"publicSettings":1}},{"handlerSettings":{"publicSettings":2}}]}'
    found = configured(runtime("6", text))
    assert [(each.name, each.sequence_number, each.public) for each in found.settings] == [
        ("Acme.Sample", 6, 1),
        ("Acme.Sample", 6, 2),
    ]


def test_protected_settings_are_not_shown() -> None:
    assert "hidden" not in repr(only(runtime(text=content(protectedSettings="hidden"))))


# --- handlers with several extensions


def test_a_handler_may_have_several_named_extensions() -> None:
    found = configured(
        named("one", 'seqNo="1"')
        + named("two", 'seqNo="2" state="disabled"')
        + named("three", 'seqNo="3" state="Enabled"')
        + '<DependsOn dependencyLevel="2" name="two"><DependsOnExtension handler="A.B"/></DependsOn>'
        + '<DependsOn dependencyLevel="9" name="two"/><DependsOn dependencyLevel="5" name="nobody"/>'
    )
    assert found.multi_config
    assert [
        (each.name, each.sequence_number, each.wanted, each.dependency_level) for each in found.settings
    ] == [
        ("one", 1, Wanted.ENABLED, 0),
        ("two", 2, Wanted.DISABLED, 2),
        ("three", 3, Wanted.ENABLED, 0),
    ]
    assert found.settings[1].dependencies == (Dependency(handler="A.B"),)


def test_one_named_extension_makes_a_handler_multi_config() -> None:
    assert configured(named("one")).multi_config
    assert not configured(runtime()).multi_config


def test_a_state_means_something_only_for_named_extensions() -> None:
    inside = f'<RuntimeSettings seqNo="0" state="disabled">{EMPTY}</RuntimeSettings>'
    assert only(inside).wanted is Wanted.ENABLED
