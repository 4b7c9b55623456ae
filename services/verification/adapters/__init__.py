"""The outside of the informatization authority: where documents are kept."""
