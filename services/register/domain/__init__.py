"""The register's law as pure decisions: producers, applications, entries, notifications."""
