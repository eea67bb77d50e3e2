"""The table of operations: method, path, id, who answers, what for; then what differs from a bare question."""

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

_LAST = (Parameter(name="last", type="integer", about="only the last so many", default=200),)
_PACKAGE = (
    Parameter(name="name", type="string", about="the handler's name; left out: as its manifest says"),
    Parameter(name="version", type="string", about="its version; left out: as its manifest says"),
)
_RESUMED = (
    Parameter(name="after", type="integer", about="as the header Last-Event-ID; left out: only new events"),
)
_SHOWN = (Parameter(name="vm", type="string", about="the VM that is shown in full; left out: the first one"),)
_EVENTS = "text/event-stream"
_ENDLESS = {200: "a stream that does not end"}

# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/v1/fabric", "fabric", operating.fabric, "The fabric's services"),
    Operation("PUT", "/v1/services/{service}", "setService", operating.set_service,
              "Close a service's ports, or open them again", members=operating.SERVICE),
    Operation("GET", "/v1/vms", "vms", asking.vms, "Every VM in short"),
    Operation("POST", "/v1/vms", "addVm", changing.add_vm,
              "Bring a VM into the world", members=changing.NEW_VM, answers={201: "the VM"}),
    Operation("GET", _VM, "vm", asking.vm, "One VM with its goal state"),
    Operation("DELETE", _VM, "removeVm", changing.remove_vm, "Forget a VM"),
    Operation("PUT", f"{_VM}/nics", "setNics", changing.set_nics,
              "Attach or detach NICs beside the primary one", members=changing.NICS),
    Operation("GET", f"{_VM}/requests", "requests", asking.requests,
              "What the VM asked of the fabric, oldest first", parameters=_LEDGER),
    Operation("GET", f"{_VM}/status", "status", asking.status,
              "The newest aggregate status that could be read", parameters=(_RAW,)),
    Operation("GET", f"{_VM}/statuses", "statuses", asking.statuses,
              "The latest status reports, readable or not, oldest first", parameters=(_AFTER, _RAW)),
    Operation("GET", f"{_VM}/health", "health", provisioning.health, "Provisioning reports of either form, oldest first"),
    Operation("GET", f"{_VM}/provisioning", "provisioning", provisioning.provisioning,
              "What the fabric knows of the VM's provisioning: reports, role properties, host name, leases"),
    Operation("GET", f"{_VM}/ovf-env", "ovfEnvironment", provisioning.ovf_environment,
              "The document of the VM's provisioning disc, with its secrets"),
    Operation("PUT", f"{_VM}/reprovision", "reprovision", provisioning.reprovision,
              "Give a pre-provisioned VM the document that it waits for", members=provisioning.REPROVISION),
    Operation("GET", f"{_VM}/telemetry", "telemetry", asking.telemetry,
              "Telemetry events, oldest first", parameters=_LAST),
    Operation("GET", f"{_VM}/observations", "observations", asking.observations,
              "What the agent saw of host services, oldest first"),
    Operation("POST", f"{_VM}/wait", "wait", asking.wait,
              "Answer when a condition holds; 408 when it does not in time", members=asking.WAIT),
    Operation("POST", f"{_VM}/goal-state", "publish", changing.publish,
              "Publish a new goal state", members=PUBLICATION, answers={200: "the goal state in short"}),
    Operation("POST", f"{_VM}/hold", "hold", changing.hold,
              "Publish a goal state that asks to leave extensions alone", members=changing.HOLD),
    Operation("POST", f"{_VM}/unhold", "unhold", changing.unhold,
              "Publish a goal state that lets extensions be processed again", members=changing.HOLD),
    Operation("POST", f"{_VM}/rotate-certificates", "rotateCertificates", changing.rotate_certificates,
              "A new tenant certificate and incarnation, with nothing else new", members=changing.ROTATION),
    Operation("POST", f"{_VM}/hibernate", "hibernate", changing.hibernate,
              "Resume the VM in another container, under the same incarnation", members=()),
    Operation("PUT", f"{_VM}/users", "listUsers", changing.list_users,
              "Another list of just-in-time users, by a new incarnation", members=changing.USERS),
    Operation("PUT", f"{_VM}/appliance", "tellAppliance", describing.tell_appliance,
              "Tell what the VM's appliance says of itself: what limpet show --json prints", members=describing.APPLIANCE),
    Operation("GET", "/v1/strangers/requests", "strayRequests", asking.stray_requests,
              "Requests from addresses that are no VM's", parameters=_LEDGER),
    Operation("GET", "/v1/packages", "packages", operating.packages, "Hosted packages"),
    Operation("POST", "/v1/packages", "uploadPackage", operating.upload_package,
              "Host a handler's package", parameters=_PACKAGE, upload="application/zip", answers={201: "where it is"}),
    Operation("GET", "/v1/faults", "faults", faulting.rules, "Every fault rule"),
    Operation("POST", "/v1/faults", "addFault", faulting.add_rule,
              "One more fault rule, last in line; the first that acts is the only one",
              members=faulting.RULE, answers={201: "the rule"}),
    Operation("DELETE", "/v1/faults", "clearFaults", faulting.clear_rules, "Remove every fault rule"),
    Operation("DELETE", "/v1/faults/{rule}", "removeFault", faulting.remove_rule, "Remove one fault rule"),
    Operation("GET", "/v1/events", "events", operating.events,
              "Everything that happens, as server-sent events; resumes after Last-Event-ID",
              parameters=_RESUMED, answers=_ENDLESS, stream=_EVENTS),
    Operation("GET", "/v1/dashboard", "dashboard", serving.dashboard,
              "What the dashboard page shows, as server-sent events: the whole of it whenever it changes",
              parameters=_SHOWN, answers=_ENDLESS, stream=_EVENTS),
)
# fmt: on
