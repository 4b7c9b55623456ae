"""The pages beside the code."""
