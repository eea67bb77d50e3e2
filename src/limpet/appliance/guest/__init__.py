"""The guest shell: the container behind the network OS in which the agent and its extensions run.

`contract` says what a container runtime must do, `lxc` and `nspawn` do it. `images` and `slots` decide what root file system is
started, `rootfs`, `volumes` and `storage` lay it out on the host's disk, `ceilings` bounds it. docs/guest-shell.md
"""
