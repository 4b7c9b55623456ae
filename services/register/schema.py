"""The register's metadata, and its primary tables beside the journal: what no fold of it can derive."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from services.kernel.journal.tables import following_tables, journal_tables
from services.kernel.vault import Vault

METADATA: Final = sa.MetaData()
JOURNAL: Final = journal_tables(METADATA)
FOLLOWING: Final = following_tables(METADATA)
VAULT: Final = Vault(METADATA)

INDIVIDUALS: Final = sa.Table(
    "individuals",
    METADATA,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("producer_id", sa.Uuid, nullable=False, index=True),
)
"""Which producer an IIN names, by its pseudonym (`kernel.personal_keys`): in clear it stands nowhere."""

EXTRACT_CONTENTS: Final = sa.Table(
    "extract_contents",
    METADATA,
    sa.Column("extract_id", sa.Uuid, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("personal_of", sa.Text, nullable=False),
    sa.Column("registered_by", sa.Text, nullable=True),
)
"""What each extract says, with the random code that nothing can derive; an individual's number and name are
left out and read from the vault again, under the event `personal_of`, and the state registration number that
it names under `registered_by`."""
