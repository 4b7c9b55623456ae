"""The register's metadata, and its primary tables beside the journal: what no fold can derive."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.database import BigInt
from services.kernel.journal.tables import following_tables, journal_tables
from services.kernel.vault import Vault, vault_table

METADATA: Final = sa.MetaData()
JOURNAL: Final = journal_tables(METADATA)
FOLLOWING: Final = following_tables(METADATA)
VAULT: Final = Vault(vault_table(METADATA))

IDENTIFIERS: Final = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("identifier", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
)
"""Which producer a BIN or IIN names. An IIN stands nowhere else in clear but in the vault, so it can be erased."""

TRUSTED_LISTINGS: Final = sa.Table(
    "trusted_listings",
    METADATA,
    sa.Column("listing_id", sa.Text, primary_key=True),
    sa.Column("identifier", sa.Text, nullable=False, index=True),
    sa.Column("name_kk", sa.Text, nullable=False),
    sa.Column("name_ru", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("listed_on", sa.Text, nullable=False),
    sa.Column("valid_until", sa.Text, nullable=True),
    sa.Column("delisted_on", sa.Text, nullable=True),
    sa.Column("listed_position", BigInt, nullable=False),
    sa.Column("delisted_position", BigInt, nullable=True),
)
"""The informatization authority's listings as followed; positions are those of its journal."""
