"""The papers' comparisons, each on one command: which searches, how they are run, what they show.

Stands above execution and analysis: it starts searches as a user would, by the command line, reads
their run directories and draws them with `agebo_hpc.analysis`.
"""
