"""A stand-in for the command and module `waagent`: put in place, taken away again, and what it consists of."""
