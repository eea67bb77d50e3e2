"""Drivers for network operating systems, behind one contract (limpet.appliance.networkos.contract)."""
