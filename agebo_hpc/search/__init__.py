"""Which configuration next: ask, tell and state; pure arithmetic, free of MPI and files."""
