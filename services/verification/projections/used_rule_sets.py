"""Every rule set that a decision rests on, whole and by digest: what an explanation years later is made from.

Not a fold: the journal holds the digest, which proves the content kept here, as it does for documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.kernel.journal.units import Recorded, Write
from services.verification.domain.rule_sets import DatedRuleSet
from services.verification.schema import METADATA

USED_RULE_SETS: Final = sa.Table(
    "used_rule_sets",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("rule_set", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("rule_set", "version", name="used_rule_sets_edition"),
)
"""`content` is the canonical JSON whose SHA-256 is `digest`; one version can have only one content."""


def keep_used(used: DatedRuleSet) -> Write:
    """A unit's write that keeps a rule set the unit decides by; one version with two contents conflicts."""
    row = {
        "digest": used.digest,
        "rule_set": used.rules.id,
        "version": used.rules.version,
        "content": used.content,
    }

    def write(connection: sa.Connection, _recorded: Sequence[Recorded]) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(USED_RULE_SETS).values(row)
        connection.execute(insert.on_conflict_do_nothing(index_elements=[USED_RULE_SETS.c.digest]))

    return write


def is_kept(connection: sa.Connection, digest: str) -> bool:
    """True when a rule set of this digest is kept already."""
    columns = USED_RULE_SETS.c
    return connection.execute(sa.select(columns.digest).where(columns.digest == digest)).first() is not None


def content_of(connection: sa.Connection, digest: str) -> bytes | None:
    """The content of a used rule set, by its digest."""
    columns = USED_RULE_SETS.c
    found = connection.execute(
        sa.select(columns.content).where(columns.digest == digest)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def used_editions(connection: sa.Connection) -> list[tuple[str, str, str]]:
    """Id, version and digest of every rule set that a decision rests on."""
    columns = USED_RULE_SETS.c
    query = sa.select(columns.rule_set, columns.version, columns.digest).order_by(
        columns.rule_set, columns.version
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]
