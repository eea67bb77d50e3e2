"""Where control groups are, what is written into them, and what they tell: from the kernel's own words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.control_groups import (
    Base,
    Facts,
    Limits,
    Usage,
    base,
    counters,
    handler_group,
    located,
    of_manifest,
    settings_v1,
    settings_v2,
    usage_v1,
    usage_v2,
)

UNIFIED = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
LEGACY = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
HYBRID = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n" + UNIFIED
BELOW = "azure.slice/azure-vmextensions.slice/limpet-handlers.scope"
TREE = Path("/sys/fs/cgroup")


def test_under_systemd_the_base_is_a_scope_beside_its_own_group() -> None:
    found = base(Facts(mounts=UNIFIED, first="0::/init.scope\n", systemd=True))
    assert found == Base(unified=TREE / BELOW)


def test_in_a_container_it_is_below_the_containers_group() -> None:
    found = base(Facts(mounts=UNIFIED, first="0::/lxc/guest/init.scope\n", systemd=True))
    assert found.unified == TREE / "lxc/guest" / BELOW


def test_a_mount_that_shows_only_a_part_of_the_hierarchy_is_counted_from_there() -> None:
    mounts = UNIFIED.replace("0:28 / /sys", "0:28 /docker/abc /sys")
    found = base(Facts(mounts=mounts, first="0::/docker/abc\n", systemd=False))
    assert found.unified == TREE / "limpet"


def test_version_1_has_a_folder_in_each_hierarchy_and_the_unified_one_is_left_alone() -> None:
    found = base(Facts(mounts=LEGACY, first="4:memory:/\n3:cpu,cpuacct:/\n0::/\n", systemd=False))
    assert found.unified is None
    assert found.roots == (TREE / "cpu,cpuacct/limpet", TREE / "memory/limpet")


def test_where_the_controllers_are_in_the_unified_hierarchy_that_one_is_taken() -> None:
    assert base(Facts(mounts=HYBRID, first="0::/\n", systemd=False)).roots == (TREE / "limpet",)


def test_where_nothing_is_mounted_there_is_no_base() -> None:
    assert base(Facts(mounts="", first="", systemd=True)).roots == ()


def test_a_mount_point_with_a_blank_in_it_is_read_as_it_is() -> None:
    found = located(UNIFIED.replace("/sys/fs/cgroup", "/sys/my\\040groups"), "0::/a\n")
    assert found.unified == Path("/sys/my groups/a")


@given(st.text(max_size=200), st.text(max_size=100))
def test_no_text_of_the_kernel_is_an_error_or_leads_out_of_the_mount(mounts: str, membership: str) -> None:
    located(mounts, membership)
    found = located(UNIFIED, membership)
    assert found.unified is not None
    assert found.unified.is_relative_to(TREE)
    assert ".." not in found.unified.parts


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        ("Microsoft.Azure.Monitor", "azure-vmextensions-Microsoft.Azure.Monitor.slice"),
        ("Contoso.With-Dash", "azure-vmextensions-Contoso.With_Dash.slice"),
        ("../../evil", "azure-vmextensions-.._.._evil.slice"),
    ],
)
def test_a_handlers_group_is_named_as_others_name_it_and_is_one_folder(handler: str, name: str) -> None:
    assert handler_group(handler) == name
    assert "/" not in handler_group(handler)


def test_limits_are_written_in_the_words_of_each_version() -> None:
    limits = of_manifest(25, 100)
    assert settings_v2(limits) == {
        "cpu": {"cpu.max": "25000 100000"},
        "memory": {"memory.high": "104857600", "memory.max": "max"},
    }
    assert settings_v1(limits) == {
        "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "25000"},
        "memory": {"memory.soft_limit_in_bytes": "104857600", "memory.limit_in_bytes": "-1"},
    }
    assert settings_v2(Limits())["cpu"] == {"cpu.max": "max 100000"}
    assert settings_v1(Limits())["cpu"]["cpu.cfs_quota_us"] == "-1"


@given(st.integers(1, 10_000), st.sampled_from([100_000, 1_000_000]))
def test_a_quota_is_never_below_what_the_kernel_takes(cpu: int, period: int) -> None:
    quota, _ = settings_v2(Limits(cpu=cpu, period=period))["cpu"]["cpu.max"].split()
    assert int(quota) >= 1000


def test_use_is_read_from_the_files_of_each_version() -> None:
    second = {
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1500000\n",
        "memory.current": "1000\n",
        "memory.stat": "anon 600\nfile 400\nkernel 5\n",
    }
    assert usage_v2(second) == Usage(
        processor=2.5, throttled=1.5, throttlings=3, memory=1000, anonymous=600, cache=400
    )
    first = {
        "cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 1500000000\n",
        "cpuacct.usage": "2500000000\n",
        "memory.usage_in_bytes": "1000\n",
        "memory.stat": "cache 1\nrss 2\ntotal_cache 400\ntotal_rss 600\n",
        "memory.max_usage_in_bytes": "2000\n",
    }
    assert usage_v1(first) == Usage(
        processor=2.5, throttled=1.5, throttlings=3, memory=1000, anonymous=600, cache=400, peak=2000
    )


@given(st.dictionaries(st.sampled_from(["cpu.stat", "memory.current", "memory.stat"]), st.text(max_size=60)))
def test_files_that_say_something_else_are_unknown_use(files: dict[str, str]) -> None:
    usage_v2(files)
    usage_v1(files)


def test_counters_are_differences_of_time_and_amounts_of_memory() -> None:
    before = Usage(processor=10.0, throttled=1.0, memory=5)
    now = Usage(processor=40.0, throttled=1.25, memory=7)
    assert counters(now, before, 300.0) == [
        ("CPU", "% Processor Time", 10.0),
        ("CPU", "Throttled Time (s)", 0.25),
        ("Memory", "Total Memory Usage", 7.0),
    ]
    assert counters(now, None, 0.0) == [("Memory", "Total Memory Usage", 7.0)]


def test_a_group_that_was_made_anew_has_not_used_less_than_nothing() -> None:
    found = counters(Usage(processor=1.0), Usage(processor=40.0), 10.0)
    assert found == [("CPU", "% Processor Time", 0.0)]
