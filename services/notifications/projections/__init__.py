"""What the service has learnt of producers and products, and what it shows: one file each."""
