"""Where evaluations run: the driver loop, the executors, limits and progress."""
