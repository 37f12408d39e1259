"""The run directory of a search: its configuration, its journal, its history and its status.

Importing this package loads no h5py; only `snapshot` does. Only the manager rank writes.
"""
