"""Bundles for support: a machine's logs, and all that explains the state of an appliance, without secrets."""
