"""The commands for those who build images and look after machines.

Each verb has a module whose name ends in `command`, or a folder with a `command` in it: `install`, `shim` (a stand-in for waagent)
and `logs`. What changes a machine is planned first, like everything else, and done by `limpet.host.apply`.
"""
