"""What the informatization authority publishes; importing it knows every event of its journal."""

from services.verification.contract import events, officers_work

__all__ = ["events", "officers_work"]
