"""The emulator's commands: one module for each group, put together in limpet.emulator.main."""
