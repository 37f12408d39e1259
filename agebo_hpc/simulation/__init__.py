"""Trainings that are looked up or made up, and the executor with a virtual clock."""
