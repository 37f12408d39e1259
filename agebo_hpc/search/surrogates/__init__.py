"""Models of the objective over hyperparameters, and the points that they are asked for."""
