"""The journal: one recorder, typed events, read models, units of work."""
