"""The Python interface: searches as calls, runs as objects, scikit-learn's estimators.

Import the names from `agebo_hpc` itself.
"""
