"""Read models are derived: emptied and folded again from the journal they come out the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from services.kernel.contract import OfficialText
from services.kernel.journal.rebuilding import rebuild_read_models
from services.register.domain.updating import Given
from services.register.usecases.end_producer import EndProducer, end_producer
from services.register.usecases.file_appeal import FileAppeal, file_appeal
from services.register.usecases.request_exclusion import RequestExclusion, request_exclusion
from services.register.usecases.transform_producer import TransformProducer, transform_producer
from services.register.usecases.withdraw_application import WithdrawApplication, withdraw_application
from tests.register.desk import RECTIFIED, Desk
from tests.register.given import BIN, IIN, OTHER_BIN, THIRD_BIN


def lived(desk: Desk) -> None:
    """A history that touches every read model."""
    journal = desk.journal
    entry = desk.exclude(desk.include(name="А"))
    file_appeal(
        journal, FileAppeal(entry_id=entry.id, by=BIN, grounds="г", language="ru"), desk.act("producer")
    )
    desk.file(name="А", follows=entry.state.included.application_id, rectified=RECTIFIED)
    second = desk.include(name="Б")
    name = OfficialText(kk="«Дала Плюс» ЖШС", ru="ТОО «Дала Плюс»")
    desk.update(second, Given(name=name, kato="710000000", telephone="+77272000000"))
    request_exclusion(
        journal, RequestExclusion(entry_id=second.id, by=BIN), desk.act("producer"), desk.procedure
    )
    withdrawn = desk.file(IIN, "В")
    withdraw_application(
        journal, WithdrawApplication(application_id=withdrawn.id, by=IIN), desk.act("producer")
    )
    desk.file(IIN, "В")
    desk.notify("confirmation", "confirmed", desk.file(OTHER_BIN, "Г"))
    command = TransformProducer(bin=OTHER_BIN, on=date(2026, 3, 2), reference="R", new_bin=THIRD_BIN)
    transform_producer(journal, command, desk.act())
    desk.later(days=1)
    end_producer(journal, EndProducer(bin=BIN, on=date(2026, 3, 3), reference="R"), desk.act())


def everything(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    tables: list[sa.Table] = [table for model in desk.journal.projections for table in model.tables]
    return {table.name: desk.rows(table) for table in tables}


def test_rebuilt_equals_live(desk: Desk) -> None:
    lived(desk)
    live = everything(desk)
    assert rebuild_read_models(desk.journal) == desk.journal.head()
    assert everything(desk) == live


def test_folding_event_by_event_equals_folding_in_one_go(desk: Desk) -> None:
    lived(desk)
    live = everything(desk)
    with desk.journal.database.write() as connection:
        for model in desk.journal.projections:
            for table in model.tables:
                connection.execute(sa.delete(table))
        for (recorded,) in desk.journal.replay(page=1):
            for model in desk.journal.projections:
                model.fold([recorded], connection)
    assert everything(desk) == live
