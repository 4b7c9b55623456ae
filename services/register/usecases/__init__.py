"""What the register can be asked to do, one file a command."""
