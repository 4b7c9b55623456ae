"""Tizilim: the register of domestic software producers as three event-sourced services."""
