"""What a history says: tables as pure functions of a frame, and figures drawn from them.

Runs on a laptop without MPI and TensorFlow, also on a run that is still going on.
"""
