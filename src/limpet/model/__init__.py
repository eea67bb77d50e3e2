"""The field's nouns as frozen values: goal state, handler, extension, status, lease, and the tree of errors. Pure.

The bottom of the house: everything may import it, and it imports nothing of ours but itself. How these values look as bytes is
known to `limpet.wire` alone.
"""
