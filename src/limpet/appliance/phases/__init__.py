"""What the supervisor does in each state, and beside it while it stands."""
