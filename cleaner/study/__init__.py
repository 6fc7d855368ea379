"""What needs many documents: signatures, bands and clusters of near-duplicates, and the index of earlier crawls.

Nothing is imported here, because numba and datasketch take long to import: import the module that is used.
"""
