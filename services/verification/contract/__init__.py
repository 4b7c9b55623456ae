"""What the informatization authority publishes; importing it knows every event of its journal."""

from services.verification.contract import erasures, events, officers_work

__all__ = ["erasures", "events", "officers_work"]
