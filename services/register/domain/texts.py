"""Wordings the industry authority uses where no officer writes one: always in Kazakh, Russian and English."""

from __future__ import annotations

from typing import Final

from services.kernel.contract import OfficialText
from services.register.contract.events import ExclusionGround

EXCLUSION_REASONS: Final[dict[ExclusionGround, OfficialText]] = {
    "own_request": OfficialText(
        kk="Өндірушінің өз өтініші бойынша шығарылды.",
        ru="Исключено по заявлению самого производителя.",
        en="Excluded at the producer's own request.",
    ),
    "liquidation": OfficialText(
        kk="Заңды тұлға таратылды.",
        ru="Юридическое лицо ликвидировано.",
        en="The legal entity was liquidated.",
    ),
    "reorganisation": OfficialText(
        kk="Заңды тұлға қайта ұйымдастырылды; жаңадан құрылған тұлға жаңа өтінім береді.",
        ru="Юридическое лицо реорганизовано; вновь созданное лицо подаёт новую заявку.",
        en="The legal entity was reorganised; the newly created entity files a new application.",
    ),
}

EXCLUSION_BASES: Final[dict[ExclusionGround, str]] = {
    "software_monitoring": "law-86-VII arts. 51-2(4), 51-6(2); order-327 paras. 30(2), 31",
    "own_request": "law-86-VII art. 51-6(3); order-327 para. 30(3)",
    "liquidation": "law-86-VII art. 51-6; order-327 para. 30",
    "reorganisation": "law-86-VII art. 51-6; order-327 para. 30",
}

COURT_BASIS: Final = "law-86-VII arts. 51-2(4), 51-5(7)"
"""What a reinstatement by a court's ruling rests on."""
