"""TensorFlow is set up in this process as in a trainer rank, before its first operation."""

from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot

configure_tensorflow(Slot())
