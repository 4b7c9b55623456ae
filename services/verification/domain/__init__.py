"""The informatization authority's rules: pure decisions over cases, rounds, listings and evidence."""
