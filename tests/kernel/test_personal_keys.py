"""Keys of personal values: destroyed for good, wrapped, and safely kept before they are used."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag

from services.kernel.database import Database
from services.kernel.personal_keys import (
    KEYS,
    POOL,
    KeysUnusable,
    PersonalKeys,
    WrappingKeys,
    destroyed_and_lost,
)
from services.kernel.vault import Vault
from tests.personal import keyed

BIN = "181240006529"
IIN = "660427402182"
FORMER, PRESENT = b"f" * 32, b"p" * 32


def opened(url: str, *wrapping: bytes) -> PersonalKeys:
    keys = PersonalKeys(Database(url, pool_size=2), WrappingKeys(wrapping or (PRESENT,)))
    keys.prepare()
    return keys


def test_a_key_opens_what_it_sealed_where_it_was_sealed_and_nothing_once_destroyed(database_url: str) -> None:
    keys = opened(database_url)
    key, other = keys.fresh(), keys.fresh()
    sealed = key.seal(b"660427402182", "event iin")
    found = keys.of([key.key_id, other.key_id, "unknown"])
    assert found[key.key_id].open(sealed, "event iin") == b"660427402182"
    for wrong, place in ((found[key.key_id], "event email"), (found[other.key_id], "event iin")):
        with pytest.raises(InvalidTag):
            wrong.open(sealed, place)
    keys.destroy([key.key_id])
    assert set(keys.of([key.key_id, other.key_id])) == {other.key_id}
    with closing(Database(database_url)) as store:
        asked = [key.key_id, other.key_id, "never made"]
        assert destroyed_and_lost(store, asked) == ({key.key_id}, {"never made"})
        keys.close()
        assert destroyed_and_lost(store, asked) == ({key.key_id}, {"never made"})  # only unused ones went


def test_a_destroyed_key_stands_nowhere_in_the_file_of_its_store(tmp_path: Path) -> None:
    """Neither on a free page nor in the write-ahead log."""
    keys = opened(f"sqlite:///{tmp_path}/keys.db")
    key = keys.fresh()
    with keys._store.read() as connection:
        wrapped = bytes(
            connection.execute(sa.select(KEYS.c.wrapped).filter_by(key_id=key.key_id)).scalar_one()
        )

    def written() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))

    assert wrapped in written()
    keys.destroy([key.key_id])
    assert wrapped not in written()
    keys.close()


def test_keys_are_kept_before_they_are_used_and_unused_ones_go(sqlite_url: str) -> None:
    first = opened(sqlite_url)
    used = [first.fresh().key_id for _ in range(POOL + 1)]
    assert set(first.of(used)) == set(used)
    first.close()
    again = opened(sqlite_url)
    with again._store.read() as connection:
        kept = set(connection.execute(sa.select(KEYS.c.key_id)).scalars())
    assert kept == {*used, "lookup"}
    again.close()


def test_a_pseudonym_is_the_same_for_all_processes_and_another_in_each_service(
    sqlite_url: str, tmp_path: Path
) -> None:
    first, second = opened(sqlite_url), opened(sqlite_url)
    elsewhere = opened(f"sqlite:///{tmp_path}/elsewhere.db")
    assert first.pseudonym(IIN) == second.pseudonym(IIN) != elsewhere.pseudonym(IIN)
    assert IIN not in first.pseudonym(IIN)
    for itself in (BIN, "industry", first.pseudonym(IIN)):
        assert first.pseudonym(itself) == itself
    for keys in (first, second, elsewhere):
        keys.close()


def test_the_wrapping_key_changes_while_keys_and_pseudonyms_stay(sqlite_url: str) -> None:
    before = opened(sqlite_url, FORMER)
    key, pseudonym = before.fresh(), before.pseudonym(IIN)
    sealed = key.seal(b"value", "place")
    both = opened(sqlite_url, PRESENT, FORMER)
    assert both.of([key.key_id])[key.key_id].open(sealed, "place") == b"value"
    assert both.rewrap() == POOL + 1
    assert both.rewrap() == 0
    after = opened(sqlite_url, PRESENT)
    assert after.of([key.key_id])[key.key_id].open(sealed, "place") == b"value"
    assert after.pseudonym(IIN) == pseudonym
    with pytest.raises(KeysUnusable, match="not among those given"):
        opened(sqlite_url, FORMER)
    after.close()


def test_an_altered_key_is_named_and_opens_nothing(sqlite_url: str) -> None:
    keys = opened(sqlite_url)
    key = keys.fresh()
    with keys._store.write() as connection:
        altered = sa.update(KEYS).where(KEYS.c.key_id == key.key_id).values(wrapped=b"0" * 60)
        connection.execute(altered)
    with pytest.raises(KeysUnusable, match=f"{key.key_id} was altered"):
        keys.of([key.key_id])
    keys.close()


@pytest.mark.parametrize("content", ["", "00", "g" * 64, f"{'a' * 64}\nshort"])
def test_a_file_that_holds_no_wrapping_key_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "wrapping"
    file.write_text(content)
    with pytest.raises(ValueError, match="hexadecimal"):
        WrappingKeys.read(file)


def test_what_is_given_anew_destroys_no_key_of_what_is_not(database_url: str) -> None:
    """A subject's newest values: those given together share a key, and one of them may be given again."""
    database, vault = keyed(database_url), Vault(sa.MetaData())
    with database.write() as connection:
        vault.table.metadata.create_all(connection)
        vault.put(connection, {"p-1": {"iin": IIN, "email": "a@example.kz"}})
    with database.write() as connection:
        vault.put(connection, {"p-1": {"email": "b@example.kz"}})
    assert vault.destroy_doomed(database) == 0
    with database.write() as connection:
        assert vault.of_subjects(connection, ["p-1"]) == {"p-1": {"iin": IIN, "email": "b@example.kz"}}
        vault.put(connection, {"p-1": {"iin": IIN}})
    assert vault.destroy_doomed(database) == 1
    database.close()
