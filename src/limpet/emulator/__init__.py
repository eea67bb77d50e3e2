"""The program `limpet emulator`: a whole fabric in one process, for tests and for people.

The core is pure: `world` is the fabric's state as one frozen value, and a route of `routes` is a function from a world and a
call to the next world and a reply. `fabric` owns the world, `server` and `dhcp.server` are the sockets around it, `faults` spoil
exchanges on purpose, and every request is kept in a ledger. `admin` is the API by which people and tests steer it, on a port of
its own; `commands` are its command line, `dashboard` its page.
"""
