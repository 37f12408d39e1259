"""Tables of trainings that real searches have made, and how they are replayed."""
