"""The program `limpet lab`: machines on this one, wired to an emulated fabric, for demos, benches and system tests.

A *room* is a fabric and its machines, made of network namespaces and without a way out. A *machine* is a stand-in for a VM: its own
processes (systemd as PID 1), mounts and network over a throw-away root file system. `vm` has real virtual machines, by QEMU;
`appliance` a machine whose NICs go to a network OS. `demo`, `timeline` and `bench` show and measure what happens in them.
"""
