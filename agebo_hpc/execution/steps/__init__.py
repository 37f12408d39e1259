"""Evaluations as job steps: processes of their own that a launcher starts."""
