"""Alembic environment of the register service."""

from alembic import context

from services.kernel.migrating import run_online

run_online("register", context.config)
