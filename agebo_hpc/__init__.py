"""agebo_hpc: joint search of neural architectures and of their data-parallel training.

Importing the package loads neither MPI nor TensorFlow nor h5py.
"""

__version__ = "0.1.0"
