"""The dashboard as people use it: live, by keyboard, over a restart, and out of reach of foreign pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect
from tests.emulator import scenes
from tests.emulator.processes import emulator
from tests.system.sights import LOOPBACK, VM, Sight, browser, looking, process, sight

from limpet.model.status import ExtensionState, Message, Substatus

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser", "process", "sight"]  # fixtures

pytestmark = pytest.mark.system


def test_the_page_shows_a_vm_without_any_complaint_of_the_browser(sight: Sight) -> None:
    expect(sight.page.locator("#stage")).to_have_text("No report yet")
    scenes.ready(sight.process.wire)
    expect(sight.page.locator("#stage")).to_have_text("Ready")
    expect(sight.page.locator("#linux-title")).to_have_text("Agent on Linux")
    expect(sight.page.locator("#place-guest")).to_be_hidden()
    expect(sight.page.locator("#health-reports li")).to_have_count(1)
    assert sight.troubles == []


def test_what_happens_appears_by_itself(sight: Sight) -> None:
    page = sight.page
    sight.agent.goal_state()
    expect(page.locator("#requests li").first).to_contain_text("goal-state")
    sight.tell("preparing")
    expect(page.locator("#stage")).to_have_text("Preparing the handover")
    expect(page.locator("#nics-linux li")).to_have_count(3)
    sight.tell("handing-over", moved=2)
    expect(page.locator("#nics-linux li")).to_have_text(["eth0primary10.0.0.4/24"])
    expect(page.locator("#nics-nos li")).to_have_count(2)
    expect(page.locator("#announce")).to_contain_text("vm1: Handing over")
    expect(page.locator(".place[data-holds=true]")).to_have_count(0)
    sight.tell("steady")
    expect(page.locator(".place[data-holds=true] h2")).to_have_text("Guest shell")
    expect(page.locator("#steps li[aria-current=step]")).to_have_text("Steady")
    expect(page.locator("#timeline li").first).to_be_visible()
    assert page.title() == "vm1: Steady - limpet"
    assert sight.troubles == []


def test_extensions_stand_in_levels_with_their_substatuses(sight: Sight) -> None:
    changes = [scenes.change("Acme.Second", 2), scenes.change("Acme.First", 1)]
    sight.api.publish(VM, {"changes": changes})
    part = Substatus(status=ExtensionState.WARNING, name="rules", message=Message(message="old rules"))
    sight.report(scenes.entry("Acme.First", ExtensionState.SUCCESS, "well", parts=(part,)))
    levels = sight.page.locator("#levels > li")
    expect(levels).to_have_count(2)
    expect(levels.nth(0)).to_contain_text("Level 1, done")
    expect(levels.nth(1)).to_contain_text("waiting")
    expect(sight.page.locator("#aggregate")).to_have_text("✓ Success")
    sight.page.locator("summary", has_text="1 substatus").click()
    expect(sight.page.locator(".substatuses:visible")).to_contain_text("old rules")
    sight.report(scenes.entry("Acme.First", ExtensionState.ERROR, "broken", parts=(part,)))
    expect(levels.nth(0)).to_contain_text("Level 1, failed")
    expect(sight.page.locator(".substatuses:visible")).to_be_visible()
    assert "hunter2" not in sight.page.content()


def test_by_keyboard_alone_a_fault_is_switched_on_and_off_and_the_emulator_answers_so(sight: Sight) -> None:
    page = sight.page
    switch = page.get_by_role("switch", name="Goal state fails")
    expect(switch).to_have_attribute("aria-checked", "false")
    tab_to(page, "switch-goal-state-fails")
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")
    with pytest.raises(httpx.HTTPStatusError, match="503"):
        sight.agent.goal_state()
    expect(page.locator("#requests li").first).to_contain_text("fault: status 503")
    expect(switch).to_be_focused()
    expect(page.locator("#faults-on")).to_have_text("1 on")
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")
    sight.agent.goal_state()
    assert sight.api.faults() == []


def test_a_rule_of_ones_own_is_added_and_removed(sight: Sight) -> None:
    page = sight.page
    page.locator("#rule-details summary").click()
    page.select_option("#rule-endpoint", "certificates")
    page.select_option("#rule-kind", "delay")
    page.fill("#rule-value", "1.5")
    page.fill("#rule-count", "2")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.locator("#rules li")).to_contain_text("certificates: delay 1.5 s")
    (rule,) = sight.api.faults()
    assert (rule["vm"], rule["delay"], rule["count"]) == (VM, 1.5, 2)
    page.get_by_role("button", name="Remove the rule certificates").click()
    expect(page.locator("#rules-part")).to_be_hidden()


def test_a_slip_in_a_form_is_answered_in_words(sight: Sight) -> None:
    sight.page.fill("#publish-settings", "{")
    sight.page.get_by_role("button", name="Publish a goal state").click()
    expect(sight.page.locator("#notice")).to_contain_text("The settings are not JSON")
    expect(sight.page.locator("#publish-settings")).to_be_focused()
    sight.page.get_by_role("button", name="Close").click()
    expect(sight.page.locator("#notice")).to_be_hidden()


def test_a_sample_extension_is_published_from_the_page(sight: Sight) -> None:
    page = sight.page
    page.fill("#publish-level", "3")
    page.get_by_role("button", name="Publish a goal state").click()
    expect(page.locator("#levels")).to_contain_text("Level 3")
    expect(page.locator("#goal-state")).to_contain_text("incarnation 2")
    (handler,) = sight.agent.extensions().handlers
    assert handler.name == "Limpet.Sample.Hello"
    assert handler.settings[0].public == {"greeting": "Hello from the dashboard"}


def test_a_port_is_closed_and_opened_and_everything_is_switched_off_at_once(sight: Sight) -> None:
    page = sight.page
    page.get_by_role("switch", name="Wire server's port closed").click()
    page.get_by_role("switch", name="Telemetry is throttled").click()
    expect(page.locator("#faults-on")).to_have_text("2 on")
    with pytest.raises(httpx.ConnectError):
        sight.agent.goal_state()
    page.get_by_role("button", name="All off").click()
    expect(page.locator("#faults-on")).to_have_text("none on")
    sight.agent.goal_state()


def tab_to(page: Page, wanted: str) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return
    pytest.fail(f"the tab key does not come to {wanted}")


def test_the_gap_counts_while_it_is_open_and_stays_at_what_the_fabric_saw(sight: Sight) -> None:
    page = sight.page
    sight.tell("preparing")
    sight.report(message="handover pending")
    sight.tell("handing-over")
    expect(page.locator("#gap")).to_have_attribute("data-open", "true")
    first = float(page.locator("#gap-value").inner_text())
    page.wait_for_function(
        "was => parseFloat(document.querySelector('#gap-value').textContent) > was + 0.3", arg=first
    )
    (gap,) = sight.api.vm(VM)["appliance"]["gaps"]
    shown, elapsed = page.evaluate(
        "since => [parseFloat(document.querySelector('#gap-value').textContent), Date.now() / 1000 - since]",
        gap["since"],
    )
    assert abs(shown - elapsed) < 5
    sight.tell("confirming", fabricLease={"holder": "guest-shell", "epoch": 4})
    sight.report()
    expect(page.locator("#gap")).to_have_attribute("data-open", "false")
    (gap,) = sight.api.vm(VM)["appliance"]["gaps"]
    expect(page.locator("#gap-value")).to_have_text(f"{gap['seconds']:.2f}")
    expect(page.locator("#gap-cause")).to_have_text("handover to the guest shell")
    expect(page.locator("#announce")).to_contain_text("status gap")


def test_after_the_emulator_was_started_anew_the_page_goes_on_by_itself(
    browser: Browser, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with emulator(folders[0], *LOOPBACK, "--admin", "127.0.0.1:0") as first, looking(browser, first) as sight:
        sight.tell("steady")
        expect(sight.page.locator("#stage")).to_have_text("Steady")
        first.ended()
        expect(sight.page.locator("#link-words")).to_contain_text("no answer since")
        expect(sight.page.locator("#announce")).to_contain_text("does not answer")
        with emulator(folders[1], *LOOPBACK, "--admin", first.ready["admin"]) as second:
            expect(sight.page.locator("#link-words")).to_have_text("live")
            expect(sight.page.locator("#announce")).to_contain_text("started anew")
            expect(sight.page.locator("#stage")).to_have_text("No report yet")
            scenes.ready(second.wire)
            expect(sight.page.locator("#stage")).to_have_text("Ready")


def test_another_vm_is_chosen_by_its_name(sight: Sight) -> None:
    sight.page.get_by_role("link", name="other").click()
    expect(sight.page.locator("#vm-name")).to_have_text("other")
    expect(sight.page.locator("#vms a[aria-current]")).to_have_text("other")
    sight.page.go_back()
    expect(sight.page.locator("#vm-name")).to_have_text(VM)


FOREIGN = """async (target) => {
  const body = JSON.stringify({endpoint: "goal-state", status: 503});
  const tries = [{mode: "no-cors", body}, {mode: "no-cors", body, headers: {"Content-Type": "text/plain"}},
    {body, headers: {"Content-Type": "application/json"}}];
  for (const each of tries) await fetch(target + "v1/faults", {method: "POST", ...each}).catch(() => null);
  return fetch(target + "v1/vms").then((answer) => answer.text(), () => "refused");
}"""


def test_a_foreign_page_can_neither_switch_faults_on_nor_read_anything(sight: Sight) -> None:
    page = sight.page.context.new_page()
    page.route(
        "http://127.0.0.2:8099/**",
        lambda route: route.fulfill(body="<h1>foreign</h1>", content_type="text/html"),
    )
    page.goto("http://127.0.0.2:8099/")
    assert page.evaluate(FOREIGN, sight.url) == "refused"
    assert sight.api.faults() == []
    page.set_content(
        f'<form method=post enctype=text/plain action="{sight.url}v1/faults">'
        '<input name=\'{"endpoint": "goal-state", "status": 503, "body": "\' value=\'"}\'></form>'
    )
    with page.expect_navigation():
        page.evaluate("document.forms[0].submit()")
    assert sight.api.faults() == []
    assert sight.page.evaluate("fetch('/v1/vms').then((answer) => answer.status)") == httpx.codes.OK
