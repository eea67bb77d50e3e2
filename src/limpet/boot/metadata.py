"""Asks the metadata service how to provision. Source: guest-setup.md §A.15, §A.16, §J.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import FabricError, FabricRefused, FabricUnreachable, MalformedDocument
from limpet.wire.imdsprovisioning import parse_provisioning, provisioning_request

if TYPE_CHECKING:
    from limpet.host.ports import Clock, Http, Log, Random
    from limpet.model.metadata import ProvisioningMetadata

PATIENCE = 300.0
_PAUSE = 1.0
AGAIN = frozenset({404, 408, 410, 429, 500, 502, 503, 504})
"""What the service answers while it is not ready, or asked too often."""
_UNKNOWN_VERSION = 400


def ask_metadata(
    http: Http, clock: Clock, chance: Random, log: Log, *, patience: float = PATIENCE
) -> ProvisioningMetadata:
    """Ask until there is an answer, at most `patience` seconds.

    Raises: FabricError, whose message is one of the reasons that reports of provisioning use.
    """
    deadline = clock.monotonic() + patience
    newest = True
    told = ""
    while True:
        try:
            response = http.exchange(provisioning_request(chance.guid(), newest=newest))
        except FabricUnreachable as error:
            problem: FabricError = FabricUnreachable(f"connection error querying IMDS: {error}")
        else:
            if response.status == 200:
                try:
                    return parse_provisioning(response.body)
                except MalformedDocument as error:
                    raise MalformedDocument(
                        error.document, f"error parsing IMDS metadata: {error.problem}"
                    ) from error
            if response.status == _UNKNOWN_VERSION and newest:
                newest = False
                continue
            problem = FabricRefused(f"http error {response.status} querying IMDS", status=response.status)
            if response.status not in AGAIN:
                raise problem
        if str(problem) != told:
            told = str(problem)
            log.warning("metadata.again", problem=told)
        if clock.monotonic() + _PAUSE > deadline:
            raise problem
        clock.sleep(_PAUSE)
