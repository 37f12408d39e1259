"""What predictions are worth: scikit-learn's metrics, one record each, exact over shards."""
