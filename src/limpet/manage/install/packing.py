"""Makes the file of `limpet.packed`, in an interpreter of its own: what a start loads is seen by loading it.

It imports nothing itself before that, for the boot stage puts modules of its own in the place of some.
"""

import sys
from importlib import import_module

TYPE_CHECKING = False  # as typing has it
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType, ModuleType
    from typing import Any

STARTS = (
    "limpet.cli",
    "limpet.boot.main",
    "limpet.boot.stage",
    "limpet.patterns",
    # What most boots load later, when they come to a disc, a network that nobody has brought up, settings.
    "limpet.wire.iso9660",
    "limpet.wire.udf",
    "limpet.wire.leases",
    "limpet.host.dhcp_client",
    "tomllib",
    # The supervisor of an appliance, and what it starts besides.
    "limpet.appliance.start",
    "limpet.appliance.supervisor",
    "limpet.appliance.networkos.kernel",
    "limpet.appliance.networkos.frr.driver",
    "limpet.appliance.guest.lxc",
    "limpet.appliance.requests.door",
    "limpet.appliance.workers.day_zero",
    "limpet.appliance.workers.dhcp",
    "limpet.appliance.workers.probe",
    "limpet.agent.main",
    "limpet.agent.status_main",
)
"""What the services begin with; it imports the rest."""


def main(arguments: "Sequence[str]") -> int:
    """Write to the standard output what is to be in the file of that name: what is there, if it is good still."""
    patterns: Any = import_module("limpet.patterns")
    asked: list[Any] = []
    patterns.ASKED = asked
    for name in STARTS:
        import_module(name)
    modules = dict(found(dict(sys.modules)))
    expressions = dict(patterns.compiled(dict.fromkeys(asked)))
    kept = import_module("limpet.packed").kept(arguments[0], expressions, modules)
    content = kept or import_module("limpet.packed").packed(expressions, modules)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


def found(
    modules: "Mapping[str, ModuleType]",
) -> "Iterator[tuple[str, tuple[bool, str, int, int, CodeType]]]":
    """Of each module that comes from a source, under its own name: as `limpet.packed` wants it."""
    stat = import_module("os").stat
    for name, module in modules.items():
        spec = getattr(module, "__spec__", None)
        loader: Any = getattr(spec, "loader", None)
        if spec is None or spec.name != name or not hasattr(loader, "source_to_code"):
            continue
        source = spec.origin
        state = stat(source)
        code = loader.source_to_code(loader.get_data(source), source)
        is_package = spec.submodule_search_locations is not None
        yield name, (is_package, source, int(state.st_mtime), state.st_size, code)
