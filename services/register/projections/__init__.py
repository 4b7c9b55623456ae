"""Read models of the register, one file each: table, fold, queries."""
