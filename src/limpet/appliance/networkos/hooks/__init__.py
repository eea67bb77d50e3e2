"""A vendor's own programs as network OS. See docs/vendors.md."""
