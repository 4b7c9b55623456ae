"""Writing behind a typeset document without touching what stands in it. Imports pyHanko: import it late."""

from __future__ import annotations

import io

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter


class _Update(IncrementalPdfFileWriter):
    """An incremental update that leaves the metadata alone.

    The library would rewrite them without the extension schemas that PDF/A asks for (ISO 19005-3, 6.6.2.3).
    """

    def _update_meta(self) -> None:
        """Leave the document's information and XMP as they were typeset."""


def update_of(pdf: bytes) -> IncrementalPdfFileWriter:
    """A writer that appends to a document."""
    return _Update(io.BytesIO(pdf))
