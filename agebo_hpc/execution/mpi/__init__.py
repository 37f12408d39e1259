"""Evaluations on the ranks of one MPI job: a manager and worker groups."""
