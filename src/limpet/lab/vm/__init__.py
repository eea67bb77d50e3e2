"""Virtual machines on a fabric of the lab: QEMU with a real kernel, where a `limpet.lab.machine` shares this one's."""
