"""Alembic environment of the verification service."""

from alembic import context

from services.kernel.migrating import run_online

run_online("verification", context.config)
