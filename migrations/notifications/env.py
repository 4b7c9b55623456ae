"""Alembic environment of the notifications service."""

from alembic import context

from services.kernel.migrating import run_online

run_online("notifications", context.config)
