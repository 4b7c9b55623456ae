"""What the industry authority publishes; importing it knows every event of its journal."""

from services.register.contract import appeals, corrections, erasures, events, extracts, rulings, updates

__all__ = ["appeals", "corrections", "erasures", "events", "extracts", "rulings", "updates"]
