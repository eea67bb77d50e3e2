"""Short-lived processes of the appliance, each for one job."""
