"""Who provisions this VM: this agent, cloud-init, or nobody; by configuration and by what is enabled. Source: guest-setup.md §A.11."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudInitFacts:
    """What files say of cloud-init. Each is the place where it was seen, None where it was not.

    disabled: by a file, the kernel's command line, a masked unit or its generator's verdict in this boot. enabled: by its
    generator's verdict, or by the link that starts its unit.
    """

    disabled: str | None = None
    enabled: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it provisions in this boot."""
        return self.enabled is not None and self.disabled is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """who: ``limpet``, ``cloud-init`` or ``nobody``. why: for people. problem: why it must not be done although it is chosen."""

    who: str
    why: str
    problem: str | None = None


def choose_provisioner(wanted: str, facts: CloudInitFacts) -> Choice:
    """wanted: the setting provisioning.agent. Two agents never provision one VM: the second refuses, and says so."""
    seen = facts.enabled if facts.runs else facts.disabled or "it is not enabled"
    match wanted:
        case "auto" if facts.runs:
            return Choice(who="cloud-init", why=f"cloud-init is enabled ({seen})")
        case "auto":
            return Choice(who="limpet", why=f"cloud-init does not run here ({seen})")
        case "limpet" if facts.runs:
            return Choice(
                who="limpet",
                why="it is configured",
                problem=f"cloud-init is enabled too ({seen}): make the file /etc/cloud/cloud-init.disabled, "
                "or set provisioning.agent to cloud-init",
            )
        case "limpet":
            return Choice(who="limpet", why="it is configured")
        case "cloud-init" if not facts.runs:
            return Choice(
                who="cloud-init",
                why="it is configured",
                problem=f"cloud-init does not run here ({seen}): enable it, or set provisioning.agent to auto",
            )
        case "cloud-init":
            return Choice(who="cloud-init", why=f"it is configured ({seen})")
        case _:
            return Choice(who="nobody", why="provisioning is disabled by the configuration")
