"""FRRouting as network OS."""
