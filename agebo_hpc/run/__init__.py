"""One run, from what is asked of it to its exit code."""
