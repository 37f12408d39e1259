"""What the user takes home: a trained network with all that is needed to use it.

Import from the modules: `bundle` loads and saves models, `retraining` trains them, `evaluation`
scores them on a prepared data set, `prediction` predicts the rows of a table file. Nothing here
needs MPI or Horovod.
"""
