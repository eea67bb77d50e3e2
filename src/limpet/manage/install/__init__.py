"""`limpet install` and `limpet uninstall`: the services and what goes with them, on a machine or in an image's tree."""
