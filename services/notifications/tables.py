"""Every table of the service, for migrations and the drift check."""

from services.notifications import channel_tables, delivery_tables
from services.notifications.projections import matters, used_wordings
from services.notifications.schema import METADATA

__all__ = ["METADATA", "channel_tables", "delivery_tables", "matters", "used_wordings"]
