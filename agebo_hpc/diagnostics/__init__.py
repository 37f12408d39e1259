"""Whether an installation is sound, and what it consists of."""
