from __future__ import annotations

import io
import json

from limpet.lab.timeline.moments import Moment, Who
from limpet.lab.timeline.show import JsonLines, for_people

TOKEN = "https://account.blob.core.windows.net/c/b?sv=2020&sig=abcdef"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def moment(what: str, at: float = 11.0) -> Moment:
    return Moment(at=at, who=Who.AGENT, what=what, kind="thing", facts={"url": TOKEN})


def test_a_moment_is_a_line_with_its_times_who_and_what() -> None:
    stream = io.StringIO()
    for_people(stream).moment(moment("sees it"), start=10.0, since=10.75)
    assert stream.getvalue() == "    1000     250  agent   sees it\n"


def test_a_time_before_its_zero_stays_empty() -> None:
    stream = io.StringIO()
    for_people(stream).moment(moment("sees it"), start=10.0, since=None)
    assert stream.getvalue() == "    1000          agent   sees it\n"


def test_what_is_too_long_goes_on_below_its_beginning() -> None:
    stream = io.StringIO()
    for_people(stream).moment(moment("word " * 40), start=10.0, since=10.0)
    first, second, third = stream.getvalue().splitlines()
    assert first.startswith("    1000    1000  agent   word word")
    assert second.startswith(" " * 26 + "word")
    assert max(map(len, (first, second, third))) <= 110


def test_no_line_is_wider_than_the_widest() -> None:
    stream = io.StringIO()
    show = for_people(stream)
    show.note("word " * 60)
    show.chapter(1, "A title", "word " * 60)
    show.message("word " * 60)
    show.finding(Who.USER, "word " * 60)
    show.quotation("A title", "word " * 60)
    show.figures({f"from {number} to there": 1000 for number in range(9)})
    show.table("A title", ("one", "two"), [("1", "word " * 60)])
    assert max(map(len, stream.getvalue().splitlines())) <= 110


def test_a_finding_is_a_line_without_times() -> None:
    stream = io.StringIO()
    for_people(stream).finding(Who.USER, "logs in")
    assert stream.getvalue() == "                  user    logs in\n"


def test_no_figure_is_broken_over_two_lines() -> None:
    stream = io.StringIO()
    for_people(stream).figures({"start → ready": 1, "new settings → success": None, "a" * 80: 3, "end": 4})
    assert stream.getvalue().splitlines() == [
        "",
        "start → ready 1 ms · new settings → success ? ms",
        f"{'a' * 80} 3 ms · end 4 ms",
    ]


def shown(stream: io.StringIO, **environment: str) -> str:
    for_people(stream, environment).moment(moment("sees it"), start=10.0, since=10.0)
    return stream.getvalue()


def test_there_is_colour_on_a_terminal_only() -> None:
    assert "\x1b[36m" in shown(Terminal(), TERM="xterm")
    assert "\x1b[" not in shown(io.StringIO(), TERM="xterm", FORCE_COLOR="1")


def test_no_color_is_honoured() -> None:
    assert "\x1b[36m" not in shown(Terminal(), TERM="xterm", NO_COLOR="1")


def test_markup_in_a_text_is_shown_as_it_is() -> None:
    stream = io.StringIO()
    show = for_people(stream)
    show.message("[bold]:smile: [stdout]")
    show.quotation("[title]", "[stderr] [/]")
    assert "[bold]:smile: [stdout]" in stream.getvalue()
    assert "[stderr] [/]" in stream.getvalue()


def test_json_lines_have_times_words_and_facts() -> None:
    stream = io.StringIO()
    show = JsonLines(stream)
    show.chapter(2, "New settings", "about them")
    show.moment(moment("sees it"), start=10.0, since=None)
    chapter, told = map(json.loads, stream.getvalue().splitlines())
    assert chapter == {"type": "chapter", "chapter": 2, "title": "New settings", "about": "about them"}
    assert (told["type"], told["chapter"], told["ms"], told["since"]) == ("moment", 2, 1000, None)
    assert (told["who"], told["what"], told["kind"]) == ("agent", "sees it", "thing")


def test_a_finding_says_whose_it_is() -> None:
    stream = io.StringIO()
    JsonLines(stream).finding(Who.FABRIC, "has it on record")
    assert json.loads(stream.getvalue()) == {
        "type": "finding", "chapter": 0, "who": "fabric", "text": "has it on record",
    }  # fmt: skip


def test_a_table_becomes_objects_by_column() -> None:
    stream = io.StringIO()
    JsonLines(stream).table("status", ("handler", "code"), [("Acme.X", "0")])
    assert json.loads(stream.getvalue())["rows"] == [{"handler": "Acme.X", "code": "0"}]


def test_no_sas_token_is_shown() -> None:
    for make in (for_people, JsonLines):
        stream = io.StringIO()
        show = make(stream)
        show.moment(moment(f"gets {TOKEN}"), start=10.0, since=10.0)
        show.message(TOKEN)
        show.finding(Who.USER, TOKEN)
        show.quotation("text", TOKEN)
        show.table("table", ("one",), [(TOKEN,)])
        show.failure("it failed", {"the last requests": [f"GET {TOKEN}"]})
        assert "abcdef" not in stream.getvalue()
