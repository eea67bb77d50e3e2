"""What the supervisor does in each state, and beside it while it stands.

A state of `limpet.appliance.states` has a function here that does its work and gives the event that leads on: booting, preparing,
handing, confirming, watching (STEADY and DEGRADED), repairing, returning (ROLLING_BACK and RESCUE). The others are what watching
looks after at each of its turns: attending, continuing, employing, gaps, suspecting.
"""
