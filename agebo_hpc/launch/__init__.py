"""Machines and batch systems: sites, the text of a batch script, what follows a job."""
