"""The admin API: how people and tests steer the emulator, on a port of its own, never mixed with the protocol.

`operations` is the table of all of them, from which the routes (`app`) and the OpenAPI document are made; the other modules do what
a row says.
"""
