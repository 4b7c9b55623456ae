"""What the industry authority publishes; importing it knows every event of its journal."""

from services.register.contract import appeals, events, extracts, rulings

__all__ = ["appeals", "events", "extracts", "rulings"]
