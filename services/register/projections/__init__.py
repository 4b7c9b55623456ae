"""The register's read models, one file each: table, fold, queries."""
