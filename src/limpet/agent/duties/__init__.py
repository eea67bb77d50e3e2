"""What the running agent does for its machine, where it owns it: a table of duties, a watch, and a worker.

The resident process only notices (`watch.py`, `signs.py`): a few system calls in each period. What there is to do is done by
a worker that ends (`worker.py`, and one module for each duty). Decision: docs/decisions/0009-duties.md.
"""
