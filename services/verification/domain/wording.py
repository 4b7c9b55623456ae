"""Texts the authority writes by itself, in kk, ru and en."""

from __future__ import annotations

from typing import Final

from services.kernel.contract import OfficialText

EXAMINED_AGAIN: Final = OfficialText(
    kk="Ескертулер бойынша іс құжаттары қайта қаралды; нәтижесі мен негіздемесі осы хабарламада көрсетілген.",
    ru="Материалы дела рассмотрены повторно с учётом замечаний; "
    "результат и обоснование указаны в этом уведомлении.",
    en="The file was examined again in the light of the remarks; "
    "this notification gives the result and the reasons.",
)
"""The answer to remarks when resubmission is automatic."""


def late_appeal(*, filed_on: str, term_ended_on: str) -> OfficialText:
    """Why a late appeal is dismissed, naming the day the term ended (ISO dates, Asia/Almaty)."""
    return OfficialText(
        kk=f"Шағым кеш берілді: отыз күнтізбелік күн мерзімі {term_ended_on} аяқталды, "
        f"шағым {filed_on} берілген.",
        ru=f"Обжалование подано с опозданием: срок в тридцать календарных дней окончился {term_ended_on}, "
        f"подано {filed_on}.",
        en=f"The appeal is late: the term of thirty calendar days ended on {term_ended_on}; "
        f"it was filed on {filed_on}.",
    )
