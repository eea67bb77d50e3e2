"""The drivers for network operating systems by their names; only the one that is configured is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.appliance.networkos.contract import NetworkOs
    from limpet.config.settings import Config
    from limpet.host.ports import Files


def network_os(config: Config, files: Files) -> NetworkOs:
    """The driver that the setting appliance.network_os names. Raises: ConfigurationError, also for what it lacks."""
    make = DRIVERS.get(config.network_os)
    if make is None:
        known = ", ".join(DRIVERS)
        raise ConfigurationError(f"there is no network OS {config.network_os!r}; there is {known}")
    return make(config, files)


def _kernel(config: Config, files: Files) -> NetworkOs:
    from limpet.appliance.networkos.kernel import KernelNetworkOs  # noqa: PLC0415 - see above

    del config, files
    return KernelNetworkOs()


def _frr(config: Config, files: Files) -> NetworkOs:
    from functools import partial  # noqa: PLC0415

    from limpet.appliance.networkos.frr.day_zero import original  # noqa: PLC0415
    from limpet.appliance.networkos.frr.driver import NAMESPACE, FrrNetworkOs, daemons_wanted  # noqa: PLC0415

    del config
    return FrrNetworkOs(
        daemons=partial(daemons_wanted, files, NAMESPACE), original=partial(original, files, NAMESPACE)
    )


def _iosxe(config: Config, files: Files) -> NetworkOs:
    from functools import partial  # noqa: PLC0415

    from limpet.appliance.guest.wanted import wanted  # noqa: PLC0415
    from limpet.appliance.networkos.iosxe.driver import IosXeNetworkOs, known_gateway, resources_of  # noqa: PLC0415

    below = _kernel(config, files) if config.programs is None else _hooks(config, files)
    return IosXeNetworkOs(
        below=below,
        vendor=config.programs is not None,
        bootflash=config.bootflash,
        gateway=partial(known_gateway, files),
        resources=resources_of(config.guest_memory, config.guest_disk),
        guest_shell=partial(wanted, files),
    )


def _hooks(config: Config, files: Files) -> NetworkOs:
    from functools import partial  # noqa: PLC0415

    from limpet.appliance.networkos.hooks.driver import HooksNetworkOs, programs_in, timeouts  # noqa: PLC0415

    if config.programs is None:
        raise ConfigurationError(
            "appliance.network_os = hooks needs appliance.programs, the folder with them"
        )
    look = partial(programs_in, config.programs, files)
    return HooksNetworkOs(programs=look(), timeouts=timeouts(config), again=look)


DRIVERS: Mapping[str, Callable[[Config, Files], NetworkOs]] = {
    "kernel": _kernel,
    "frr": _frr,
    "hooks": _hooks,
    "iosxe": _iosxe,
}
