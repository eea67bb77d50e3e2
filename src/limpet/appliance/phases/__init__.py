"""What the supervisor does in each state, and beside it while it stands.

A state of `limpet.appliance.states` has a function here that does its work and gives the event that leads on: booting, preparing,
handing, confirming, watching (STEADY and DEGRADED), repairing, returning (ROLLING_BACK and RESCUE). The other modules are about one
thing that several of them do: probing, renewing, continuing DHCP, noting gaps, and so on.
"""
