"""Every table of the service, for migrations and the drift check."""

from services.notifications.schema import METADATA

__all__ = ["METADATA"]
