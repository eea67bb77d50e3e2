"""The report on one line: read by machines, and short enough to arrive."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.wire.provisioningreport import LONGEST, ProvisioningReport, render_report

VM = "78563412-bc9a-f0de-1234-56789abcdef0"
AT = "2026-01-01T00:00:00+00:00"


def report(reason: str | None = "no DHCP lease", **data: str) -> ProvisioningReport:
    return ProvisioningReport(reason=reason, agent="limpet/1.0", vm_id=VM, timestamp=AT, data=data)


def fields(line: str) -> list[str]:
    (row,) = csv.reader([line], delimiter="|", quotechar="'")
    return row


def test_a_failure_has_the_fields_that_support_looks_for() -> None:
    assert render_report(report(tried="eth0")) == (
        f"result=error|reason=no DHCP lease|agent=limpet/1.0|tried=eth0|vm_id={VM}|timestamp={AT}"
        "|documentation_url=https://aka.ms/linuxprovisioningerror"
    )


def test_success_is_short() -> None:
    assert render_report(report(None)) == f"result=success|agent=limpet/1.0|timestamp={AT}|vm_id={VM}"


@given(st.text(max_size=900), st.text(max_size=200))
def test_any_reason_stays_one_line_of_csv(reason: str, more: str) -> None:
    line = render_report(report(reason, more=more))
    assert "\n" not in line
    assert [each.partition("=")[0] for each in fields(line)] == [
        "result", "reason", "agent", "more", "vm_id", "timestamp", "documentation_url",
    ]  # fmt: skip


@given(
    st.text(st.characters(codec="ascii"), max_size=2000),
    st.dictionaries(st.sampled_from("abcdef"), st.text(max_size=300)),
)
def test_a_long_report_is_cut_in_its_reason_and_keeps_the_vm(reason: str, data: dict[str, str]) -> None:
    line = render_report(report(reason, **data), at_most=LONGEST)
    assert len(line) <= LONGEST
    assert f"|vm_id={VM}|" in line
    assert line.startswith(("result=error|reason=", "result=error|'reason="))


def test_nothing_secret_is_in_it() -> None:
    line = render_report(report("cannot read https://x.blob/y?sv=1&sig=verysecret"))
    assert "verysecret" not in line


@pytest.mark.parametrize("vm_id", [None, ""])
def test_an_unknown_vm_is_said_to_be_unknown(vm_id: str | None) -> None:
    made = ProvisioningReport(reason="x", agent="a", vm_id=vm_id, timestamp=AT, data={})
    assert "vm_id=unknown" in render_report(made)
