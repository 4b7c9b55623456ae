"""The commands of `tizilim`, one file each. They are the only code that knows all three services."""
