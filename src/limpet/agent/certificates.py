"""The certificates that protected settings are opened with: fetched once for each change, waited for by who needs them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from limpet.model.errors import FabricError, HandlerError, HostError
from limpet.wire.certificates import Cipher

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.fabric import Fabric
    from limpet.agent.machine import Machine
    from limpet.model.ids import Thumbprint, Url

LONGEST_WAIT = 60.0
"""How long work waits for certificates that are being fetched, seconds."""
LOOK_EVERY = 0.02


class Certificates:
    """Fetches bundles (in the poll task) and lets the work task wait for a thumbprint."""

    def __init__(self, fabric: Fabric, machine: Machine, *, library: Path) -> None:
        self._fabric = fabric
        self._vault = machine.vault
        self._files = machine.files
        self._clock = machine.clock
        self._log = machine.log
        self._library = library
        self._settled = threading.Event()
        self._settled.set()
        self._needed: frozenset[Thumbprint] = frozenset()
        self._thumbprints: frozenset[Thumbprint] = frozenset()
        self._problem: str | None = None

    @property
    def thumbprints(self) -> frozenset[Thumbprint]:
        """The certificates whose keys are here."""
        return self._thumbprints

    @property
    def failed(self) -> bool:
        """Whether the last fetch failed, so that another is worth a try."""
        return self._problem is not None

    @property
    def problem(self) -> str | None:
        """Why the last fetch failed; None when it did not."""
        return self._problem

    @property
    def awaited(self) -> bool:
        """Whether another fetch is due at once: the last one did not bring what is needed."""
        return not self._settled.is_set()

    def expect(self, needed: frozenset[Thumbprint]) -> None:
        """A fetch will follow: whoever asks for a thumbprint from now on waits for its end.

        When it does not bring all that is `needed`, they wait for one more. Source: wire-protocol.md §5.7.
        """
        self._needed = needed
        self._settled.clear()

    def fetch(self, url: Url | None) -> None:
        """Fetch a bundle and keep what is in it. A failure is logged and told to those who needed it.

        AES first, 3DES as the second try. Source: wire-protocol.md §3.2.
        """
        try:
            self._thumbprints, self._problem = self._fetch(url), None
        except (FabricError, HostError) as error:
            self._problem = str(error)
            self._log.error("certificates.failed", problem=error)
        if self._needed <= self._thumbprints:
            self._settled.set()
        self._needed = frozenset()

    def wait_for(self, thumbprint: Thumbprint) -> None:
        """Wait until `thumbprint` is here. Raises: HandlerError, when it will not come; HostError."""
        deadline = self._clock.monotonic() + LONGEST_WAIT
        while self.awaited and not self._has(thumbprint) and self._clock.monotonic() < deadline:
            self._clock.sleep(LOOK_EVERY)
        if not self._has(thumbprint):
            reason = self._problem or "the fabric did not send it"
            raise HandlerError(
                f"The certificate {thumbprint} that the protected settings are encrypted for is not here: {reason}"
            )

    def _has(self, thumbprint: Thumbprint) -> bool:
        # A key of an earlier bundle still opens settings that were encrypted for it.
        return (
            thumbprint in self._thumbprints
            or self._files.info(self._library / f"{thumbprint}.prv") is not None
        )

    def _fetch(self, url: Url | None) -> frozenset[Thumbprint]:
        if url is None:
            return frozenset()
        transport = self._vault.transport_certificate()
        problem: FabricError | HostError | None = None
        for cipher in Cipher:
            try:
                return self._asked(url, transport, cipher)
            except (FabricError, HostError) as error:
                self._log.warning("certificates.cipher_failed", cipher=cipher.value, problem=error)
                problem = error
        current = self._vault.transport_certificate() if isinstance(problem, HostError) else transport
        if current != transport:
            # It was renewed meanwhile, as when the clock was set: the bundle is asked for once more, for the new one.
            return self._asked(url, current, next(iter(Cipher)))
        raise HostError(f"no certificates with either cipher: {problem}") from problem

    def _asked(self, url: Url, transport: str, cipher: Cipher) -> frozenset[Thumbprint]:
        bundle = self._fabric.certificate_bundle(url, transport, cipher)
        if not bundle.usable:
            self._log.info("certificates.none", format=bundle.format)
            return frozenset()
        return frozenset(
            thumbprint for thumbprint, has_key in self._vault.unpack_bundle(bundle.data) if has_key
        )
