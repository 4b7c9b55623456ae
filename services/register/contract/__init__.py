"""What the industry authority publishes; importing it knows every event of its journal."""

from services.register.contract import appeals, events, rulings

__all__ = ["appeals", "events", "rulings"]
