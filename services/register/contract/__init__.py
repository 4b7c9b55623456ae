"""The published events of the register: the only thing a neighbour may import."""
