"""Where evaluations run: the driver loop, what it needs, and one room for each executor."""
