"""Trainings in child processes, which may crash without harm to the rank that asked."""
