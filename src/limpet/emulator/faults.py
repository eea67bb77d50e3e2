"""Faults by rule: which exchanges go wrong on purpose, how, and how often. Pure.

A rule says which exchanges it is for (endpoint, path, VM), after how many and for how many of them, and what happens: a delay, another
status, a cut connection. What that does to the bytes is in `fault_injection`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from limpet.emulator.dhcp.lies import LIES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DHCP = "dhcp"
LONGEST_DELAY = 3600.0
MOST_REPETITIONS = 100
LARGEST_CUT = 1 << 30
LONGEST_GLOB = 256
MOST_TIMES = 1_000_000
KINDS = ("status", "cut", "garbage", "refused", "endless", "lie")
"""What can be done to an answer, one of them at a time; a delay goes with each, or stands alone."""


class FaultRefused(ValueError):
    """A rule makes no sense. member: which of its members is meant."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is done to one exchange.

    delay: seconds before anything else. At most one of the others is set; with none, the proper answer follows.
    status: answered instead of the proper answer, with the text `body`. cut: the connection ends after so many bytes of the
    proper answer, head included. garbage: bytes that are not HTTP. refused: the connection is reset without an answer.
    endless: the proper head, then a body that drips and never ends. lie: of DHCP, by its name; times: goes with some.
    Of DHCP, refused is silence, and status and endless do not happen.
    """

    delay: float = 0.0
    status: int | None = None
    body: str = ""
    cut: int | None = None
    garbage: bool = False
    refused: bool = False
    endless: bool = False
    lie: str | None = None
    times: int | None = None

    def suits(self, service: str) -> bool:
        """Whether it can happen to an answer of this service."""
        if service == DHCP:
            return self.status is None and not self.endless
        return self.lie is None

    def describe(self) -> str:
        """The fault in words, such as ``delay 2 s, status 503``."""
        words = [f"delay {self.delay:g} s"] if self.delay else []
        if self.status is not None:
            words.append(f"status {self.status}")
        if self.cut is not None:
            words.append(f"cut after {self.cut} bytes")
        words += [name for name in ("garbage", "refused", "endless") if getattr(self, name)]
        if self.lie is not None:
            words.append(self.lie + (f" {self.times} times" if self.times else ""))
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Its members that say something."""
        found: dict[str, Any] = {"delay": self.delay} if self.delay else {}
        if self.status is not None:
            found |= {"status": self.status} | ({"body": self.body} if self.body else {})
        if self.cut is not None:
            found["cut"] = self.cut
        found |= {name: value for name in ("lie", "times") if (value := getattr(self, name)) is not None}
        return found | {name: True for name in ("garbage", "refused", "endless") if getattr(self, name)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of an exchange before it is answered. vm: None when the address is no VM's."""

    vm: str | None
    service: str
    endpoint: str
    method: str = "GET"
    path: str = "/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """When which fault happens.

    endpoint: a glob over the endpoint's name (``goal-state``, ``*``). path: a glob over the request's path.
    vm: a glob over the VM's name. service, method: exact. None means any.
    skip: so many matching exchanges go well first. count: so many fail after that; None for all.
    seen: matching exchanges that reached this rule. applied: how often its fault happened.
    """

    id: int = 0
    endpoint: str
    fault: Fault
    vm: str | None = None
    service: str | None = None
    method: str | None = None
    path: str | None = None
    skip: int = 0
    count: int | None = None
    seen: int = 0
    applied: int = 0

    @property
    def spent(self) -> bool:
        """Whether it will never act again."""
        return self.count is not None and self.applied >= self.count

    def matches(self, facts: Facts) -> bool:
        """Whether an exchange is one it speaks of."""
        return (
            fnmatchcase(facts.endpoint, self.endpoint)
            and (self.vm is None or (facts.vm is not None and fnmatchcase(facts.vm, self.vm)))
            and self.service in {None, facts.service}
            and self.fault.suits(facts.service)
            and self.method in {None, facts.method}
            and (self.path is None or fnmatchcase(facts.path, self.path))
        )

    def as_json(self) -> dict[str, Any]:
        """The rule and what became of it."""
        limits = {name: getattr(self, name) for name in ("vm", "service", "method", "path")}
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            **{name: value for name, value in limits.items() if value is not None},
            **self.fault.as_json(),
            "skip": self.skip,
            "count": self.count,
            "seen": self.seen,
            "applied": self.applied,
            "spent": self.spent,
        }


def decide(rules: tuple[Rule, ...], facts: Facts) -> tuple[tuple[Rule, ...], Fault | None]:
    """The fault for one exchange, and the rules after it.

    Rules are asked in order, and the first that acts is the only one. A rule that still skips counts the exchange and
    lets the next rule have it; a spent rule is as if it were not there.
    """
    after = list(rules)
    for number, rule in enumerate(rules):
        if rule.spent or not rule.matches(facts):
            continue
        seen = rule.seen + 1
        if seen <= rule.skip:
            after[number] = replace(rule, seen=seen)
            continue
        after[number] = replace(rule, seen=seen, applied=rule.applied + 1)
        return tuple(after), rule.fault
    return tuple(after), None


def with_rule(rules: tuple[Rule, ...], rule: Rule) -> tuple[Rule, ...]:
    """`rules` with one more, last in line, under an id that none of them has."""
    return (*rules, replace(rule, id=max((known.id for known in rules), default=0) + 1))


def read_rule(members: Mapping[str, Any], endpoints: Collection[str]) -> Rule:
    """The rule that JSON or TOML members describe, each of them of the right type already.

    endpoints: every name there is; a glob that fits none of them is a slip. Raises: FaultRefused.
    """
    endpoint = members["endpoint"]
    for name in ("endpoint", "vm", "path"):
        if len(members.get(name) or "") > LONGEST_GLOB:
            raise FaultRefused(name, f"{name} is longer than {LONGEST_GLOB} characters")
    if not any(fnmatchcase(name, endpoint) for name in endpoints):
        raise FaultRefused(
            "endpoint", f"no endpoint is called {endpoint[:60]!r}; there are {', '.join(sorted(endpoints))}"
        )
    count, skip = members.get("count"), members.get("skip", 0)
    for name, value, least in (("count", count, 1), ("skip", skip, 0)):
        if value is not None and not least <= value <= MOST_TIMES:
            raise FaultRefused(name, f"{name} is {value}, not a number from {least} to {MOST_TIMES}")
    return Rule(
        endpoint=endpoint,
        fault=_read_fault(members),
        vm=members.get("vm"),
        service=members.get("service"),
        method=members.get("method"),
        path=members.get("path"),
        skip=skip,
        count=count,
    )


def _read_fault(members: Mapping[str, Any]) -> Fault:
    # A cut after 0 bytes is one, so 0 is not the same as nothing.
    given = [name for name in KINDS if members.get(name) is not None and members[name] is not False]
    if len(given) > 1:
        raise FaultRefused(given[1], f"{' and '.join(given)} cannot happen to the same answer; choose one")
    delay, status, cut = float(members.get("delay", 0.0)), members.get("status"), members.get("cut")
    if not given and not delay:
        raise FaultRefused("endpoint", f"the rule says no fault; give delay or one of {', '.join(KINDS)}")
    if not 0 <= delay <= LONGEST_DELAY:
        raise FaultRefused("delay", f"a delay of {delay:g} s is not from 0 to {LONGEST_DELAY:g}")
    if status is not None and not 200 <= status <= 599:
        raise FaultRefused("status", f"{status} is not a status code from 200 to 599")
    if cut is not None and not 0 <= cut <= LARGEST_CUT:
        raise FaultRefused("cut", f"a cut after {cut} bytes is not from 0 to {LARGEST_CUT}")
    _check_lie(members)
    if members.get("body") and status is None:
        raise FaultRefused("body", "body is the text of a status; give the status as well")
    return Fault(
        delay=delay,
        status=status,
        body=members.get("body", ""),
        cut=cut,
        garbage=bool(members.get("garbage")),
        refused=bool(members.get("refused")),
        endless=bool(members.get("endless")),
        lie=members.get("lie"),
        times=members.get("times"),
    )


def _check_lie(members: Mapping[str, Any]) -> None:
    lie, times = members.get("lie"), members.get("times")
    if lie is not None and lie not in LIES:
        raise FaultRefused("lie", f"there is no lie {lie[:60]!r}; there are {', '.join(LIES)}")
    if times is not None and lie is None:
        raise FaultRefused("times", "times goes with a lie, such as repeat")
    if times is not None and not 1 <= times <= MOST_REPETITIONS:
        raise FaultRefused("times", f"{times} is not a number from 1 to {MOST_REPETITIONS}")
