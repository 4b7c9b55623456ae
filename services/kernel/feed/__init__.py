"""A journal over HTTP: serving one, following another."""
