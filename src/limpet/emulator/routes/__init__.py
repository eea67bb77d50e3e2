"""What each service answers: a route is a pure function from a world and a call to the next world and a reply.

`table` says which request is which endpoint, `dispatch` finds it; the other modules answer, one for each service.
"""
