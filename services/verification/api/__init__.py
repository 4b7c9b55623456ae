"""The HTTP API of the informatization authority, one file a resource."""
