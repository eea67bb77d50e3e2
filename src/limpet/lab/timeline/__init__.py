"""What happens on a fabric and in its machines, from several sources, as one list of moments in their order."""
