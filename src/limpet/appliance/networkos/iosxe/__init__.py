"""IOS XE as network OS."""
