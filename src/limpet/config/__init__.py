"""What is configured: one table of settings, and where each value comes from.

The rows are in `*_settings`, by subject; `settings.Config` is all of them as one frozen value, which programs are given; `load`
fills it from the command line, /etc/limpet.toml and an existing /etc/waagent.conf.
"""
