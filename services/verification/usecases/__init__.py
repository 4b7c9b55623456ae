"""The commands of the informatization authority, one file each."""
