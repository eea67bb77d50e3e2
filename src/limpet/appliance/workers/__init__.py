"""Short-lived processes of the appliance, each for one job: a lease, a probe, day 0.

They stand in a network namespace where the supervisor cannot, or load what shall not stay in its memory.
"""
