"""What all three services share; it knows no noun of the register's law."""
