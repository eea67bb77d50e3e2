"""The guest shell: its runtimes, images and storage, behind one contract (limpet.appliance.guest.contract)."""
