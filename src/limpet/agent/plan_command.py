"""`limpet plan`: what a goal state would do here, in order and why."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.forecast import foresee
from limpet.agent.layout import Layout
from limpet.agent.lifecycle import COMMAND_SECONDS, Step
from limpet.agent.plan_sources import from_fabric, from_file
from limpet.agent.policy import Policy
from limpet.agent.policy_file import PolicyFile
from limpet.agent.running import GUEST_SHELL
from limpet.agent.store import Store
from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.fabric_lease import IN_THE_GUEST
from limpet.guest.shell_brief import BRIEF
from limpet.host.files import RealFiles
from limpet.host.log import EventLog, event_line
from limpet.model.redact import redacted
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from limpet.agent.forecast import Forecast, Foreseen
    from limpet.agent.plan_sources import Subject
    from limpet.agent.worklist import Installed
    from limpet.config.settings import Config
    from limpet.host.ports import Files, Log
    from limpet.model.extensions import ExtensionSettings

EPILOG = """\
examples:
  limpet plan ExtensionsConfig.xml
  limpet plan --json

exit codes: 0 shown, 1 the goal state cannot be had or read, 2 wrong usage or configuration
"""


class Warnings(EventLog):
    """What is not as it should be, on standard error."""

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        if level != "info":
            sys.stderr.write(f"{level}: {event_line(event, fields)}\n")


def parser() -> argparse.ArgumentParser:
    """The command line of the plan."""
    made = argparse.ArgumentParser(
        prog="limpet plan",
        description="Show what a goal state would do here, in order and why. Nothing is done.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument(
        "file", nargs="?", type=Path, help="ExtensionsConfig (XML) or vmSettings (JSON); without it the fabric is asked"
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="for programs")
    add_options(made)
    return made


def main(arguments: Sequence[str]) -> int:
    """Print the plan. Raises: ConfigurationError, FabricError, HostError."""
    options = parser().parse_args(arguments)
    files, log = RealFiles(), Warnings()
    config = load_config(files, path=options.config, options=options.set)
    store = Store(files, Layout(library=config.library, logs=config.log_dir), log)
    source = (
        from_fabric(config, files, store, log)
        if options.file is None
        else contextlib.nullcontext(from_file(files, options.file))
    )
    with source as subject:
        forecast = foresee(
            subject.goal_state,
            store.installed(),
            subject.choose,
            on_hold=subject.on_hold and config.over_provisioning,
            extensions_enabled=config.extensions_enabled,
            policy=Policy.of(_here(config, files)),
            policy_file=_policy_file(config, files, log),
        )
    vanished = () if forecast.refusal else store.vanished(h.name for h in subject.goal_state.handlers)
    render = as_json if options.json else as_text
    sys.stdout.write(redacted(render(subject, forecast, vanished)))
    return 0


def _policy_file(config: Config, files: Files, log: Log) -> PolicyFile | None:
    if not config.obey_policy:
        return None
    file = PolicyFile(files, config.policy_file, log)
    file.look()
    return file


def _here(config: Config, files: Files) -> Config:
    """The configuration as the agent of this machine has it: in a guest shell it knows that."""
    return config if files.info(IN_THE_GUEST / BRIEF) is None else replace(config, stage=GUEST_SHELL)


def as_text(subject: Subject, forecast: Forecast, vanished: Sequence[Installed]) -> str:
    """The plan for people."""
    lines = "\n".join(_lines(subject, forecast, vanished))
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in lines) + "\n"


def _lines(subject: Subject, forecast: Forecast, vanished: Sequence[Installed]) -> Iterator[str]:
    goal_state = subject.goal_state
    name = f"Goal state {subject.id}" if subject.id is not None else "Goal state"
    yield f"{name} of {subject.origin}, made {goal_state.created} by {goal_state.source.value}."
    if forecast.refusal is not None:
        yield f"It would not be processed: {forecast.refusal}."
        return
    if not forecast.items and not vanished:
        yield "There is nothing to do."
    for number, foreseen in enumerate(forecast.items, 1):
        yield ""
        yield from _item_lines(number, foreseen)
    if vanished:
        yield ""
        yield "Then these are removed without running their commands, because the goal state no longer names them:"
        yield from (f"    {here.name} {here.version}" for here in vanished)
    if subject.remark is not None and forecast.items:
        yield ""
        yield subject.remark


def _item_lines(number: int, foreseen: Foreseen) -> Iterator[str]:
    item, work = foreseen.item, foreseen.work
    level = f", dependency level {item.level}" if item.level > 0 else ""
    if work is None:
        yield f"{number}. {item.title} {item.handler.version}{level}: refused"
        yield f"    {foreseen.refusal}"
        return
    yield f"{number}. {item.title} {work.version}{level}: {work.reason}"
    if not work.steps:
        yield "    nothing to do"
    width = max((len(step.value) for step in work.steps), default=0)
    for step in work.steps:
        yield f"    {step.value:<{width}}  {_detail(step, item.settings)}".rstrip()


def _detail(step: Step, settings: ExtensionSettings | None) -> str:
    if step in COMMAND_SECONDS:
        return f"at most {COMMAND_SECONDS[step]:g} s"
    if step is Step.WRITE_SETTINGS and settings is not None:
        protected = (
            f", protected by certificate {settings.thumbprint}" if settings.protected is not None else ""
        )
        return f"sequence number {settings.sequence_number}{protected}"
    return ""


def as_json(subject: Subject, forecast: Forecast, vanished: Sequence[Installed]) -> str:
    """The plan for programs."""
    goal_state = subject.goal_state
    document = {
        "goal_state": {
            "id": subject.id,
            "source": goal_state.source.value,
            "channel": goal_state.channel.value,
            "created": goal_state.created,
            "origin": subject.origin,
        },
        "refusal": forecast.refusal,
        "work": [_item_document(foreseen) for foreseen in forecast.items],
        "vanished": [{"handler": here.name, "version": here.version.text} for here in vanished],
        "remark": subject.remark,
    }
    return json.dumps(document, indent=2) + "\n"


def _item_document(foreseen: Foreseen) -> dict[str, Any]:
    item, work = foreseen.item, foreseen.work
    return {
        "handler": item.handler.name,
        "extension": item.extension,
        "wanted": item.wish.value,
        "requested_version": item.handler.version,
        "version": work.version.text if work is not None else None,
        "installed_version": work.old.text if work is not None and work.old is not None else None,
        "dependency_level": item.level if item.level >= 0 else None,
        "sequence_number": item.settings.sequence_number if item.settings is not None else None,
        "thumbprint": item.settings.thumbprint if item.settings is not None else None,
        "reason": work.reason if work is not None else None,
        "refusal": foreseen.refusal,
        "steps": [
            {"step": step.name.lower(), "text": step.value, "at_most_seconds": COMMAND_SECONDS.get(step)}
            for step in (work.steps if work is not None else ())
        ],
    }
