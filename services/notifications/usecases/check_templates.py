"""Refuse to start when a wording that messages were written with was changed."""

from __future__ import annotations

from services.kernel.database import Database
from services.kernel.telemetry import logger
from services.notifications.domain.messages import Catalogue
from services.notifications.domain.templates import TemplateError, refuse_changes
from services.notifications.projections.used_wordings import used_editions


def check_templates(database: Database, catalogue: Catalogue) -> None:
    """At start: raise `TemplateError` when a template or a name in use is gone or changed."""
    with database.read() as connection:
        used = used_editions(connection)
    try:
        refuse_changes(catalogue.editions, used)
    except TemplateError as refused:
        logger.error("templates refused", extra={"reason": str(refused)})
        raise
