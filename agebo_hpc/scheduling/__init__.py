"""How far each evaluation is trained, and which assignment comes next."""
