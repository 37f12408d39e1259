"""How far a score may be from that of all rows of the kind; pure functions of arrays."""
