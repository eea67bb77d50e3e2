"""The dashboard as people see it: on every width, in light and dark, by keyboard, with hostile machines behind it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.emulator import scenes
from tests.system.sights import HOSTILE, VM, Sight, browser, fits, hostile, looking, process, sight

from limpet.model.status import ExtensionState

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from tests.emulator.processes import Process

__all__ = ["browser", "process", "sight"]  # fixtures

pytestmark = pytest.mark.system

MOST_ELEMENTS = 2500


def test_what_a_hostile_machine_says_is_shown_as_text(sight: Sight) -> None:
    page = sight.page
    scripts = page.locator("script").count()
    hostile(sight)
    expect(page.locator("#stage")).to_have_text("Rescue: back on Linux")
    expect(page.locator("#words")).to_contain_text(HOSTILE)
    expect(page.locator("#levels")).to_contain_text("[U+202E][U+2066] backwards [U+0000][U+001B][31m")
    expect(page.locator("#report")).to_contain_text("<script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == scripts
    assert page.locator("img").count() == 1
    assert page.evaluate("document.body.innerText.length") < 200_000
    assert fits(page)
    assert sight.troubles == []


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1024])
def test_nothing_stands_over_the_edge_of_a_screen(browser: Browser, process: Process, width: int) -> None:
    with looking(browser, process, viewport={"width": width, "height": 740}) as sight:
        assert fits(sight.page)
        for stage in ("steady", "rescue"):
            sight.tell(stage)
            expect(sight.page.locator("#stage")).to_contain_text(stage.capitalize())
            assert fits(sight.page)
        for summary in sight.page.locator("summary:visible").all():
            summary.click()
        assert fits(sight.page)
        hostile(sight)
        expect(sight.page.locator("#words")).to_contain_text("<script>")
        assert fits(sight.page)


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (node) => { for (; node; node = node.parentElement) {
    const colour = rgba(getComputedStyle(node).backgroundColor); if (colour[3] > 0.99) return colour; }
    return rgba(getComputedStyle(document.documentElement).backgroundColor); };
  const bad = [];
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility({visibilityProperty: true}) || node.closest(".unseen, noscript")) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(rgba(style.color)), light(ground(node))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (one + 0.05) / (other + 0.05);
    looked += 1;
    if (ratio < (large ? 3 : 4.5)) bad.push([node.className || node.tagName, walker.currentNode.data.slice(0, 30), ratio.toFixed(2)]);
  }
  return [looked, bad];
}"""


@pytest.mark.parametrize(("scheme", "stage"), [*itertools.product(("light", "dark"), ("steady", "rescue"))])
def test_every_text_stands_out_from_its_ground(
    browser: Browser, process: Process, scheme: str, stage: str
) -> None:
    with looking(browser, process, color_scheme=scheme) as sight:
        sight.api.publish(
            VM, {"changes": [scenes.change(f"Acme.{word.value}", 0) for word in ExtensionState]}
        )
        sight.api.add_fault({"endpoint": "goal-state", "status": 503, "skip": 5})
        sight.api.add_fault({"endpoint": "telemetry", "status": 429})
        sight.report(*(scenes.entry(f"Acme.{word.value}", word, "it is so") for word in ExtensionState))
        sight.tell("preparing")
        sight.tell(stage)
        expect(sight.page.locator("#stage")).to_contain_text(stage.capitalize())
        expect(sight.page.locator("#faults-on")).to_have_text("2 on")
        sight.page.locator("#rule-details summary").click()
        looked, bad = sight.page.evaluate(CONTRAST)
        assert looked > 100
        assert bad == []


def test_everything_that_can_be_used_has_a_name_and_is_large_enough(
    browser: Browser, process: Process
) -> None:
    with looking(browser, process, viewport={"width": 360, "height": 740}) as sight:
        sight.tell("steady")
        expect(sight.page.locator("#stage")).to_have_text("Steady")
        for summary in sight.page.locator("summary:visible").all():
            summary.click()
        small = sight.page.evaluate("""() => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
          .filter((node) => node.checkVisibility() && !node.closest(".foot, .skip"))
          .filter((node) => { const box = node.getBoundingClientRect(); return box.height < 24 || box.width < 24; })
          .map((node) => node.outerHTML)""")
        assert small == []
        unnamed = sight.page.evaluate("""() => [...document.querySelectorAll("button, input, select, textarea")]
          .filter((node) => node.checkVisibility() && !(node.textContent.trim() || (node.labels && node.labels.length) || node.ariaLabel))
          .map((node) => node.outerHTML)""")
        assert unnamed == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_rules_of_accessible_pages_are_kept(browser: Browser, process: Process, width: int) -> None:
    with looking(browser, process, viewport={"width": width, "height": 800}) as sight:
        sight.api.publish(VM, {"changes": [scenes.change("Acme.First", 0)]})
        sight.api.add_fault({"endpoint": "status", "status": 503, "count": 2})
        sight.tell("preparing")
        sight.report(scenes.entry("Acme.First", ExtensionState.WARNING, "well"))
        sight.tell("steady")
        expect(sight.page.locator("#stage")).to_have_text("Steady")
        sight.page.locator("#rule-details summary").click()
        found = Axe().run(sight.page)
        broken = {
            each["id"]: [node["html"] for node in each["nodes"]] for each in found.response["violations"]
        }
        assert broken == {}
        assert len(found.response["passes"]) > 30


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_nics_glide_from_owner_to_owner_unless_less_motion_is_wished(
    browser: Browser, process: Process, wish: str, moves: bool
) -> None:
    with looking(browser, process, reduced_motion=wish) as sight:
        sight.page.evaluate("""() => { window.glided = 0; const animate = Element.prototype.animate;
          Element.prototype.animate = function (...given) { window.glided += 1; return animate.apply(this, given); }; }""")
        sight.tell("preparing")
        expect(sight.page.locator("#nics-linux li")).to_have_count(3)
        sight.tell("steady")
        expect(sight.page.locator("#nics-nos li")).to_have_count(3)
        assert (sight.page.evaluate("window.glided") > 0) is moves


def test_the_page_does_not_grow_however_long_it_is_open(sight: Sight) -> None:
    for number in range(120):
        sight.agent.goal_state()
        sight.tell("steady" if number % 2 else "rescue", words=f"turn {number}")
        while sight.process.tells()["kind"] != "appliance":  # its output is a pipe, which somebody must empty
            pass
    expect(sight.page.locator("#words")).to_have_text("turn 119")
    expect(sight.page.locator("#requests-note")).to_have_text("the latest 40 of 120")
    expect(sight.page.locator("#requests li")).to_have_count(40)
    assert sight.page.locator("#timeline li").count() <= 40
    assert sight.page.locator("#announce p").count() <= 3
    assert sight.page.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS


def test_the_tab_key_goes_through_the_whole_page_and_shows_where_it_is(sight: Sight) -> None:
    page = sight.page
    sight.tell("steady")
    expect(page.locator("#stage")).to_have_text("Steady")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        at = page.evaluate(WHERE)
        if at is None:
            break
        assert at["outline"], at
        assert at["tag"] in {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"}, at
        seen.add(at["id"])
    else:
        pytest.fail("the tab key does not leave the page")
    assert {"switch-goal-state-fails", "scope", "faults-off", "publish-handler"} <= seen


WHERE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at);
  return {id: at.id, tag: at.tagName, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2};
}"""
