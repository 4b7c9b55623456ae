"""Facts of neighbours turned into use cases, one file a followed service."""
