from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.appliance.networkos.iosxe_cases import CONTROLLER, SECTIONS, day_zero, environment

from limpet.appliance.networkos.iosxe.custom_data import LARGEST, CustomData, parse_custom_data
from limpet.model.errors import MalformedDocument
from limpet.model.secret import Secret


def read(text: str | bytes) -> CustomData:
    return parse_custom_data(Secret(text.encode() if isinstance(text, str) else text))


def configuration(custom: CustomData) -> list[str]:
    return [line.text.reveal() for line in custom.configuration]


def notes(custom: CustomData) -> list[str]:
    return [note.describe() for note in custom.notes]


def test_the_four_sections_are_read() -> None:
    custom = read(SECTIONS)
    assert configuration(custom)[0] == "ip name-server 10.0.0.53"
    assert configuration(custom)[-1] == " tunnel destination 203.0.113.9"
    assert [(each.name, each.version, each.user) for each in custom.packages] == [
        ("csr_azure_ha", "3.1.0", True),
        ("ncclient", None, False),
    ]
    (script,) = custom.scripts
    assert script.url.reveal() == "https://example.com/setup.py?sig=token"
    assert script.arguments.reveal() == ("--id", "tell-nobody")
    assert script.describe() == "run https://example.com/setup.py with 2 arguments in the guest shell"
    assert custom.tech_package == "ax"
    assert custom.notes == ()


@pytest.mark.parametrize(
    "header",
    [
        "Section: IOS configuration",
        "section: ios Configuration",
        "SECTION:IOS  CONFIGURATION",
        "   Section : IOS configuration  ",
        "\tSection:\tIOS\tconfiguration",
    ],
)
def test_a_header_is_known_in_any_letters_and_blanks(header: str) -> None:
    assert configuration(read(f"{header}\nhostname a\n")) == ["hostname a"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str) -> None:
    custom = read(f"Section: IOS configuration{end}hostname a{end} b{end}")
    assert configuration(custom) == ["hostname a", " b"]
    assert [line.number for line in custom.configuration] == [2, 3]


@pytest.mark.parametrize(
    "encoded",
    [
        SECTIONS,
        b"\xef\xbb\xbf" + SECTIONS,
        SECTIONS.replace(b"\n", b"\r\n"),
        SECTIONS.decode().encode("utf-16"),
        b64encode(SECTIONS),
        b64encode(SECTIONS) + b"\n",
        b64encode(b"\xef\xbb\xbf" + SECTIONS),
        b64encode(b64encode(SECTIONS)),
        b64encode(b64encode(b64encode(SECTIONS))),
    ],
)
def test_the_same_text_is_read_from_every_encoding(encoded: bytes) -> None:
    assert configuration(read(encoded)) == configuration(read(SECTIONS))
    assert read(encoded).packages == read(SECTIONS).packages


def test_sections_may_come_again_and_add_up() -> None:
    custom = read(
        "Section: IOS configuration\na\nSection: License\nTechPackage:ax\nSection: IOS configuration\nb\n"
    )
    assert configuration(custom) == ["a", "b"]


@pytest.mark.parametrize("tail", ["end", "END\n", "end\n!\n\n", "\n end \n"])
def test_an_end_as_the_last_command_is_left_to_the_rendering(tail: str) -> None:
    assert configuration(read(f"Section: IOS configuration\nhostname a\n{tail}")) == ["hostname a"]


@pytest.mark.parametrize(
    "text",
    ["a\n End \nb\n", "a\nend\nSection: License\nTechPackage:ax\nSection: IOS configuration\nb\nend\n"],
)
def test_an_end_with_something_behind_it_is_left_out_and_told(text: str) -> None:
    custom = read(f"Section: IOS configuration\n{text}")
    assert configuration(custom) == ["a", "b"]
    assert notes(custom) == ["line 3: an end with lines behind it, which would not be applied: left out"]


def test_an_end_in_a_banner_is_text() -> None:
    lines = ["banner motd ^C", "end", "^C", "hostname a"]
    assert configuration(read("Section: IOS configuration\n" + "\n".join(lines))) == lines


def test_an_end_that_ends_a_section_before_another_one_leaves_no_tunnel_open() -> None:
    tunnel = (
        b"Section: IOS configuration\ninterface Tunnel0\nend\nSection: IOS configuration\nip http server\n"
    )
    rendered = day_zero(environment(custom=tunnel)).configuration
    assert rendered is not None
    lines = rendered.reveal().splitlines()
    assert lines.index("end") == len(lines) - 1
    assert " ip access-group GS_TRANSIT_ACL in" in lines[lines.index("! Custom data to here.") :]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "  \r\n"])
def test_nothing_asks_for_nothing(text: str) -> None:
    assert read(text) == CustomData()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "hostname a\n",
            "line 1: it has no section and is not applied; begin it with a line 'Section: IOS configuration'",
        ),
        (
            'ios-config-0001="hostname a"\n',
            (
                "line 1: it has the form of another cloud (ios-config-0001=…) and is not applied; begin it with a line "
                "'Section: IOS configuration'"
            ),
        ),
        ("hello\nSection: License\nTechPackage:ax\n", "line 1: text before the first section: left out"),
        (
            "Section: License\n\nSection: Licence to kill\nx\n",
            "line 3: this section is none of IOS configuration, Scripts, Python package and License: left out",
        ),
        (
            "Section: Scripts\nsetup.py\n",
            "line 2: a script is an address such as https://HOST/PATH, with arguments behind it: left out",
        ),
        (
            "Section: Python package\n--index-url 1\n",
            "line 2: a Python package is NAME, NAME VERSION, or either with {--user} behind it: left out",
        ),
        ("Section: License\nax\n", "line 2: a licence is TechPackage:NAME: left out"),
        ("Section: License\nTechPackage:ax\nTechPackage:appx\n", "line 3: a second TechPackage: left out"),
        (
            f"Section: IOS configuration\n{'x' * 255}\n",
            "line 2: it has 255 characters; IOS takes at most 254 in a line",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(text: str, expected: str) -> None:
    assert notes(read(text)) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "pkg; reboot",
        "-e git+https://x",
        "--user",
        "a b c",
        "a/b",
        "../a",
        "a $(b)",
        "a\u00a0b c d",
        "{--user}",
    ],
)
def test_a_package_is_a_name_and_never_an_option(line: str) -> None:
    assert read(f"Section: Python package\n{line}\n").packages == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"Section: IOS configuration\nhostname \xff\n", "line 2 is not text in UTF-8"),
        (b"Section: IOS configuration\n\nhostname a\0\n", "line 3 has a zero byte in it"),
        (b"\x7fELF\x02\x01\x01\0", "line 1 has a zero byte"),
        (b"\x1f\x8b\x08\0\0\0", "compressed with gzip"),
        (b64encode(b"\x1f\x8b\x08\0\0\0"), "compressed with gzip"),
        (b"\xff\xfea", "UTF-16"),
        (b"a" * (LARGEST + 1), f"it has {LARGEST + 1} bytes"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(MalformedDocument, match=problem):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        CONTROLLER,
        CONTROLLER.replace(b"\n", b"\r\n"),
        b"MIME-Version: 1.0\n" + CONTROLLER,
        CONTROLLER.replace(b"vinitparam", b"other"),
        b"#cloud-config\nvinitparam:\n - uuid : x\n",
    ],
)
def test_the_bootstrap_of_sdwan_is_passed_on_as_it_is(content: bytes) -> None:
    custom = read(content)
    assert custom.controller == Secret(content)
    assert custom.configuration == ()


def test_the_bootstrap_of_sdwan_is_taken_out_of_base64() -> None:
    assert read(b64encode(CONTROLLER)).controller == Secret(CONTROLLER)


@pytest.mark.parametrize(
    "text",
    ['Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n'],
)
def test_a_mime_document_for_somebody_else_is_left_alone(text: str) -> None:
    custom = read(text)
    assert custom.controller is None
    assert notes(custom) == [
        "it is a MIME document without vinitparam or a cloud-boothook: nothing of it is for IOS XE"
    ]


def test_a_section_that_speaks_of_mime_is_a_section() -> None:
    assert read("Section: IOS configuration\n\nContent-Type: multipart/mixed\n").controller is None


def test_remarks_are_bounded() -> None:
    custom = read("Section: Scripts\n" + "nonsense\n" * 5000)
    assert len(custom.notes) == 33
    assert custom.notes[-1].describe() == "4968 more remarks of this kind are left out"


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("", ()),
        ("--name 'a b' c", ("--name", "a b", "c")),
        ('--key "x=1"  y', ("--key", "x=1", "y")),
        ("it's so", ("it's", "so")),
        ("$(reboot) ;x", ("$(reboot)", ";x")),
    ],
)
def test_arguments_of_a_script_are_words_as_a_shell_has_them(line: str, arguments: tuple[str, ...]) -> None:
    (script,) = read(f"Section: Scripts\nhttps://example.com/x {line}\n").scripts
    assert script.arguments.reveal() == arguments


def test_scripts_are_bounded() -> None:
    assert len(read("Section: Scripts\n" + "https://x/y\n" * 1000).scripts) == 256


@pytest.mark.parametrize(
    "text", ["section:" + " " * 100_000 + "x", " " * 100_000 + "section", "Content-Type: " * 9000]
)
def test_long_lines_are_read_at_once(text: str) -> None:
    assert read(f"{text}\n").configuration == ()


def test_a_password_in_an_address_is_not_shown() -> None:
    (script,) = read("Section: Scripts\nhttps://bob:tell-nobody@example.com/x#tell-nobody\n").scripts
    assert script.describe() == "run https://example.com/x with 0 arguments in the guest shell"


PIECES = st.sampled_from(
    [
        "Section: IOS configuration\n",
        "Section: Scripts\r\n",
        "section: python package\n",
        "SECTION: LICENSE\n",
        "Section:\n",
        "TechPackage:ax\n",
        "https://x/y a\n",
        "pkg 1.0 {--user}\n",
        "banner motd ^C\n",
        "end\n",
        "Content-Type: multipart/mixed\n",
        "\n",
        "\0",
        "\x03",
        "\ufeff",
    ]
)


@given(st.lists(PIECES | st.text(max_size=20)).map("".join).map(str.encode) | st.binary(max_size=300))
@example(b"\xfe\xff\xd8\x00")
def test_any_bytes_are_read_or_refused_and_nothing_is_told_of_their_content(content: bytes) -> None:
    try:
        custom = read(content)
    except MalformedDocument:
        return
    assert all(
        note.line is None or 1 <= note.line <= content.count(b"\n") + content.count(b"\r") + 1
        for note in custom.notes
    )
    assert all("\n" not in line and "\r" not in line for line in configuration(custom))


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff"), max_size=40), max_size=12
    )
)
def test_configuration_lines_come_out_in_order_and_unchanged(lines: list[str]) -> None:
    lines = [
        line
        for line in lines
        if line.strip() and line.strip().lower() not in {"end", "!"} and "section" not in line.lower()
    ]
    custom = read("Section: IOS configuration\n" + "".join(f"{line}\n" for line in lines))
    assert configuration(custom) == lines
