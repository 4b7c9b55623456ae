"""What the informatization authority does on the facts of others, one file a followed service."""
