"""The journal as a transparency log: tiles and signed checkpoints (docs/transparency.md)."""
