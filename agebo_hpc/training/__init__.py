"""How one evaluation is done: network, compiled training loop, data parallelism, metrics.

TensorFlow and Horovod are imported here and in `agebo_hpc.models` only.
"""
