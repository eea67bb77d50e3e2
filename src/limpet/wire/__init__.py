"""Bytes to model and back, one module for each document; requests as values; status code to verdict. Pure."""
