"""Program 6, for those who build images and look after machines: deprovision, install, collect logs, show the configuration."""
