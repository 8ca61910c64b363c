"""Minima of the Epanechnikov energy: the stored ones that are kept, and the emergent ones."""
