"""Typesetting an extract as PDF/A-3b with the extract itself attached (ISO 19005-3).

The same extract always gives the same bytes: times come from its record, fonts from the typesetter.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final

from services.register.adapters.extract_sheet import FORMS, SheetLanguage, sheet_of
from services.register.domain.extract import ExtractFile

if TYPE_CHECKING:
    import typst

STANDARD: Final = "a-3b"


class Typesetter:
    """Typesets one document after another; a few milliseconds each, so threads wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compilers: dict[str, typst.Compiler] = {}

    def pdf(self, file: ExtractFile, language: SheetLanguage, recorded_at: datetime) -> bytes:
        """The extract as PDF/A-3b, before it is sealed; `recorded_at` is when its issue was recorded."""
        sheet = json.dumps(sheet_of(file, language), ensure_ascii=False)
        with self._lock:
            found = self._compiler(file.content.form).compile(
                format="pdf",
                pdf_standards=STANDARD,
                timestamp=int(recorded_at.timestamp()),
                sys_inputs={"sheet": sheet},
            )
        if not isinstance(found, bytes):
            raise TypeError("a document was not made in one piece")
        return found

    def _compiler(self, form: str) -> typst.Compiler:
        """The compiler of a form's layout, loaded when the first extract is typeset."""
        if form not in self._compilers:
            import typst

            self._compilers[form] = typst.Compiler(FORMS[form], ignore_system_fonts=True)
        return self._compilers[form]
