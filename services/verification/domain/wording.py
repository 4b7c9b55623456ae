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


SOURCE_OF_EXPIRY: Final = "application"
"""Where the authority's own watch knows the last day of a right from."""

_RIGHTS: Final = {
    "copyright_certificate": OfficialText(
        kk="авторлық құқық туралы куәлік", ru="авторское свидетельство", en="copyright certificate"
    ),
    "employment_agreement": OfficialText(
        kk="еңбек шарты немесе жұмыс берушінің тапсырмасы",
        ru="трудовой договор или задание работодателя",
        en="employment agreement or employer's assignment",
    ),
    "rights_alienation_agreement": OfficialText(
        kk="құқықтарды иеліктен шығару туралы шарт",
        ru="договор об отчуждении прав",
        en="agreement on the alienation of rights",
    ),
}


def expired_right(kind: str, valid_until: str) -> OfficialText:
    """Why an entry is monitored when the right shown by a document of its application ended (ISO date)."""
    right = _RIGHTS[kind]
    return OfficialText(
        kk=f"Өтінімдегі құжат бойынша айрықша құқықтың мерзімі {valid_until} аяқталды: {right.kk}.",
        ru=f"Срок исключительного права по документу заявки истёк {valid_until}: {right.ru}.",
        en=f"The exclusive right shown in the application ended on {valid_until}: {right.en}.",
    )


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
