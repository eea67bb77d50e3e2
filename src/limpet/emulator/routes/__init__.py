"""What each service answers: pure functions from a world and a call to a world and a reply."""
