"""The field's identifiers as types, so that none is taken for another: incarnation, etag, container id, thumbprint and so on.

They are NewTypes: nothing at run time, and different things to the type checker. What may be done with each stands beside it.
"""

from typing import NewType

Incarnation = NewType("Incarnation", str)
"""Names one goal state of the wire server. Opaque: compare for equality, never order or count."""

Etag = NewType("Etag", str)
"""Names one vmSettings document of the host plugin. Opaque, echoed verbatim."""

ContainerId = NewType("ContainerId", str)
"""The VM's place on its host; changes on redeployment and hibernation."""

InstanceId = NewType("InstanceId", str)
"""The role instance's name in its deployment, such as ``77778888-….._vm01``."""

ConfigName = NewType("ConfigName", str)
"""The role configuration's name; its text before the first dot is the deployment id."""

VmId = NewType("VmId", str)
"""The VM's unique id in the platform's spelling (generation 1 firmware swaps its first three groups)."""

Thumbprint = NewType("Thumbprint", str)
"""SHA-1 over a DER certificate: 40 upper-case hex digits."""

SequenceNumber = NewType("SequenceNumber", int)
"""Numbers the settings of one extension; not guaranteed to grow."""

Url = NewType("Url", str)
"""An absolute URL, used verbatim. One that may carry a SAS token is a ``Secret[Url]`` or is redacted when shown."""
