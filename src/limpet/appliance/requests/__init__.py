"""The guest shell asks for commands of the network OS: the door, the desk, the worker behind them."""
