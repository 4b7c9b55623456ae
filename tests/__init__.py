"""Tests mirror ``services/``; each is named for one behaviour."""
