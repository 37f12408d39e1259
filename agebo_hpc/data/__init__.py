"""Tables in, arrays out: reading, preprocessing, splits and the prepared HDF5 data set.

Import from the modules: `dataset` opens and prepares, `tables` reads, `preprocessing` is the
fitted way from one to the other, `registry` knows public data sets.
"""
