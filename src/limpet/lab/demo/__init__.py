"""The demos: a story is played on a fabric of the lab, and each moment of it is shown as it happens."""
