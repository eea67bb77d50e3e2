"""What a machine is like: one module for each subject looks at it, and gives the facts that the planner of that subject takes.

Reads are bounded and go through the ports. What is not there is a fact, not an error.
"""
