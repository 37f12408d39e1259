"""What simple models reach on the same rows: a search that does not beat them is of no use."""
