"""Splits by what is known of rows: their time, their group, or the part that each is given."""
