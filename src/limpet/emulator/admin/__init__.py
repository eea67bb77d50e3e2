"""The admin API: what people and tests ask of the emulator, on its own port, never mixed with the protocol."""
