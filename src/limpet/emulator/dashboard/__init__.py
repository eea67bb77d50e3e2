"""The dashboard: one page that shows live what the emulator knows, and switches faults on and off."""
