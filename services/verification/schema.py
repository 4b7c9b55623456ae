"""The authority's metadata, and its primary tables beside the journal: what no fold can derive."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.journal.tables import following_tables, journal_tables
from services.kernel.vault import Vault

REGISTER: Final = "register"
"""The name under which the industry authority's journal is followed."""
METADATA: Final = sa.MetaData()
JOURNAL: Final = journal_tables(METADATA)
FOLLOWING: Final = following_tables(METADATA)
VAULT: Final = Vault(METADATA)

IDENTIFIERS: Final = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("identifier", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Text, nullable=False, index=True),
    sa.Column("former", sa.Boolean, nullable=False),
)
"""Which producer a BIN, or an IIN by its pseudonym, names; `former` after a transformation."""

OFFICERS: Final = sa.Table(
    "officers",
    METADATA,
    sa.Column("officer_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
)
"""Who acted here on a case, by the opaque id that facts record; `subject` is the token's, and erasable."""
