"""One file a followed service: a foreign event becomes a message and deliveries, nothing else."""
