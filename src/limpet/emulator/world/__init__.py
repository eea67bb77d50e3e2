"""The fabric's state as frozen values, and its transitions: functions from one world to the next."""
