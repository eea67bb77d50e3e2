"""The table of operations."""

from __future__ import annotations

from limpet.emulator.admin import asking, changing, describing, faulting, operating, provisioning
from limpet.emulator.admin.paths import Operation, Parameter
from limpet.emulator.admin.publishing import PUBLICATION
from limpet.emulator.dashboard import serving

_VM = "/v1/vms/{vm}"
_AFTER = Parameter(name="after", type="integer", about="only what has a larger id or serial count", default=0)
_RAW = Parameter(name="raw", type="boolean", about="with the report's own text, redacted", default=False)
_LEDGER = (
    _AFTER,
    Parameter(name="endpoint", type="string", about="only requests to this endpoint"),
    Parameter(name="limit", type="integer", about="at most so many", default=asking.MOST_AT_ONCE),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/v1/fabric",
        name="fabric",
        about="The fabric's services",
        handler=operating.fabric,
    ),
    Operation(
        method="PUT",
        path="/v1/services/{service}",
        name="setService",
        about="Close a service's ports, or open them again",
        handler=operating.set_service,
        members=operating.SERVICE,
    ),
    Operation(method="GET", path="/v1/vms", name="vms", about="Every VM in short", handler=asking.vms),
    Operation(
        method="POST",
        path="/v1/vms",
        name="addVm",
        about="Bring a VM into the world",
        handler=changing.add_vm,
        members=changing.NEW_VM,
        answers={201: "the VM"},
    ),
    Operation(method="GET", path=_VM, name="vm", about="One VM with its goal state", handler=asking.vm),
    Operation(method="DELETE", path=_VM, name="removeVm", about="Forget a VM", handler=changing.remove_vm),
    Operation(
        method="PUT",
        path=f"{_VM}/nics",
        name="setNics",
        about="Attach or detach NICs beside the primary one",
        handler=changing.set_nics,
        members=changing.NICS,
    ),
    Operation(
        method="GET",
        path=f"{_VM}/requests",
        name="requests",
        about="What the VM asked of the fabric, oldest first",
        handler=asking.requests,
        parameters=_LEDGER,
    ),
    Operation(
        method="GET",
        path=f"{_VM}/status",
        name="status",
        about="The newest aggregate status that could be read",
        handler=asking.status,
        parameters=(_RAW,),
    ),
    Operation(
        method="GET",
        path=f"{_VM}/statuses",
        name="statuses",
        about="The latest status reports, readable or not, oldest first",
        handler=asking.statuses,
        parameters=(_AFTER, _RAW),
    ),
    Operation(
        method="GET",
        path=f"{_VM}/health",
        name="health",
        about="Provisioning reports of either form, oldest first",
        handler=provisioning.health,
    ),
    Operation(
        method="GET",
        path=f"{_VM}/provisioning",
        name="provisioning",
        about="What the fabric knows of the VM's provisioning: reports, role properties, host name, leases",
        handler=provisioning.provisioning,
    ),
    Operation(
        method="GET",
        path=f"{_VM}/ovf-env",
        name="ovfEnvironment",
        about="The document of the VM's provisioning disc, with its secrets",
        handler=provisioning.ovf_environment,
    ),
    Operation(
        method="PUT",
        path=f"{_VM}/reprovision",
        name="reprovision",
        about="Give a pre-provisioned VM the document that it waits for",
        handler=provisioning.reprovision,
        members=provisioning.REPROVISION,
    ),
    Operation(
        method="GET",
        path=f"{_VM}/telemetry",
        name="telemetry",
        about="Telemetry events, oldest first",
        handler=asking.telemetry,
        parameters=(Parameter(name="last", type="integer", about="only the last so many", default=200),),
    ),
    Operation(
        method="GET",
        path=f"{_VM}/observations",
        name="observations",
        about="What the agent saw of host services, oldest first",
        handler=asking.observations,
    ),
    Operation(
        method="POST",
        path=f"{_VM}/wait",
        name="wait",
        about="Answer when a condition holds; 408 when it does not in time",
        handler=asking.wait,
        members=asking.WAIT,
    ),
    Operation(
        method="POST",
        path=f"{_VM}/goal-state",
        name="publish",
        about="Publish a new goal state",
        handler=changing.publish,
        members=PUBLICATION,
        answers={200: "the goal state in short"},
    ),
    Operation(
        method="POST",
        path=f"{_VM}/hold",
        name="hold",
        about="Publish a goal state that asks to leave extensions alone",
        handler=changing.hold,
        members=changing.HOLD,
    ),
    Operation(
        method="POST",
        path=f"{_VM}/unhold",
        name="unhold",
        about="Publish a goal state that lets extensions be processed again",
        handler=changing.unhold,
        members=changing.HOLD,
    ),
    Operation(
        method="POST",
        path=f"{_VM}/rotate-certificates",
        name="rotateCertificates",
        about="A new tenant certificate and incarnation, with nothing else new",
        handler=changing.rotate_certificates,
        members=changing.ROTATION,
    ),
    Operation(
        method="POST",
        path=f"{_VM}/hibernate",
        name="hibernate",
        about="Resume the VM in another container, under the same incarnation",
        handler=changing.hibernate,
        members=(),
    ),
    Operation(
        method="PUT",
        path=f"{_VM}/users",
        name="listUsers",
        about="Another list of just-in-time users, by a new incarnation",
        handler=changing.list_users,
        members=changing.USERS,
    ),
    Operation(
        method="PUT",
        path=f"{_VM}/appliance",
        name="tellAppliance",
        about="Tell what the VM's appliance says of itself: what limpet show --json prints",
        handler=describing.tell_appliance,
        members=describing.APPLIANCE,
    ),
    Operation(
        method="GET",
        path="/v1/strangers/requests",
        name="strayRequests",
        about="Requests from addresses that are no VM's",
        handler=asking.stray_requests,
        parameters=_LEDGER,
    ),
    Operation(
        method="GET",
        path="/v1/packages",
        name="packages",
        about="Hosted packages",
        handler=operating.packages,
    ),
    Operation(
        method="POST",
        path="/v1/packages",
        name="uploadPackage",
        about="Host a handler's package",
        handler=operating.upload_package,
        parameters=(
            Parameter(name="name", type="string", about="the handler's name; left out: as its manifest says"),
            Parameter(name="version", type="string", about="its version; left out: as its manifest says"),
        ),
        upload="application/zip",
        answers={201: "where it is"},
    ),
    Operation(
        method="GET", path="/v1/faults", name="faults", about="Every fault rule", handler=faulting.rules
    ),
    Operation(
        method="POST",
        path="/v1/faults",
        name="addFault",
        about="One more fault rule, last in line; the first that acts is the only one",
        handler=faulting.add_rule,
        members=faulting.RULE,
        answers={201: "the rule"},
    ),
    Operation(
        method="DELETE",
        path="/v1/faults",
        name="clearFaults",
        about="Remove every fault rule",
        handler=faulting.clear_rules,
    ),
    Operation(
        method="DELETE",
        path="/v1/faults/{rule}",
        name="removeFault",
        about="Remove one fault rule",
        handler=faulting.remove_rule,
    ),
    Operation(
        method="GET",
        path="/v1/events",
        name="events",
        about="Everything that happens, as server-sent events; resumes after Last-Event-ID",
        handler=operating.events,
        parameters=(
            Parameter(
                name="after", type="integer", about="as the header Last-Event-ID; left out: only new events"
            ),
        ),
        answers={200: "a stream that does not end"},
        stream="text/event-stream",
    ),
    Operation(
        method="GET",
        path="/v1/dashboard",
        name="dashboard",
        about="What the dashboard page shows, as server-sent events: the whole of it whenever it changes",
        handler=serving.dashboard,
        parameters=(
            Parameter(
                name="vm", type="string", about="the VM that is shown in full; left out: the first one"
            ),
        ),
        answers={200: "a stream that does not end"},
        stream="text/event-stream",
    ),
)
