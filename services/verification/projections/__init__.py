"""The informatization authority's read models, one file each: table, fold, queries."""
