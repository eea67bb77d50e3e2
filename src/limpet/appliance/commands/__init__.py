"""The operator's commands about an appliance."""
