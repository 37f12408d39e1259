"""What may be proposed: architectures, hyperparameters, configurations and problems."""
