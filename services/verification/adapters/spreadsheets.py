"""Tables in CSV files and workbooks (XLSX), read row by row with bounded memory and time.

A workbook is looked at before anything of it is unpacked: how many parts it says it has, how large and which.
Then each part passes a streaming parser once, which refuses a document type, merged cells and too many cells;
only then does the library read the sheet, and from it never more rows than the table may have.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import openpyxl

from services.verification.adapters.document_content import (
    BROKEN_ARCHIVE,
    CSV,
    XLSX,
    ArchiveRefused,
    open_archive,
)
from services.verification.domain.localisation import Finding
from services.verification.domain.tables import Findings, Table, TableRow, TableShape, number_text

MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
MAX_PARTS: Final = 500
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
MAX_CELLS: Final = 400_000
MAX_COLUMNS: Final = 64
MAX_ROW_NUMBER: Final = 50_000
MAX_CELL_CHARACTERS: Final = 10_000
TABLE_TYPES: Final = (CSV, XLSX)
_PIECE: Final = 64 * 1024
_UNREADABLE: Final[tuple[type[Exception], ...]] = (
    *BROKEN_ARCHIVE,
    ParseError,
    zlib.error,
    expat.ExpatError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
)
"""What the workbook library raises for files that are not as they should be."""


class TableRefused(Exception):
    """The table as a whole cannot be read; `finding` says why."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.finding = Finding(code, "", params)


def read_table(content: bytes, media_type: str, shape: TableShape) -> Table:
    """Read a table of a given shape; whatever is wrong with it is a finding, never an error."""
    findings = Findings()
    try:
        _check_size(content)
        read = _workbook if media_type == XLSX else _csv
        rows = list(_named(read(content, shape, findings), shape, findings))
    except TableRefused as refused:
        return Table((), (refused.finding, *findings.found))
    return Table(rows, findings.found)


def _check_size(content: bytes) -> None:
    if len(content) > MAX_TABLE_BYTES:
        raise TableRefused("table_too_large", limit=str(MAX_TABLE_BYTES))


_Cells = tuple[int, Sequence[str]]


def _named(rows: Iterator[_Cells], shape: TableShape, findings: Findings) -> Iterator[TableRow]:
    """Rows with the header's names on their cells; rows that are wholly empty are left out."""
    number, header = next(rows, (1, ()))
    names = _header(number, header, shape)
    count = 0
    for number, cells in rows:
        if not any(cells):
            continue
        count += 1
        if count > shape.max_rows:
            raise TableRefused("table_rows_too_many", limit=str(shape.max_rows))
        if findings.are_full:
            return
        beyond = next((cell for cell in cells[len(names) :] if cell), None)
        if beyond is not None:
            findings.add("cell_beyond_columns", number, str(len(names) + 1), value=beyond[:40])
        padded = [*cells, *[""] * (len(names) - len(cells))]
        yield TableRow(number, dict(zip(names, padded, strict=False)))


def _header(number: int, cells: Sequence[str], shape: TableShape) -> list[str]:
    names = list(cells)
    while names and not names[-1]:
        names.pop()
    missing = [name for name in shape.columns if name not in names]
    surplus = [name for at, name in enumerate(names) if name not in shape.columns or name in names[:at]]
    if missing or surplus:
        raise TableRefused(
            "table_columns_wrong",
            row=str(number),
            missing=", ".join(missing) or "-",
            unknown=", ".join(surplus)[:200] or "-",
            expected=", ".join(shape.columns),
        )
    return names


# --- CSV ---------------------------------------------------------------------------------------------


def _csv(content: bytes, shape: TableShape, findings: Findings) -> Iterator[_Cells]:
    """Comma, semicolon or tab, whichever the header is written with; UTF-8 with or without a mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableRefused("table_not_utf8") from None
    head = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise TableRefused("table_row_unreadable", row=str(number)) from None
        yield number, [_text(field, number, at, shape, findings) for at, field in enumerate(fields)]


def _text(value: str, number: int, at: int, shape: TableShape, findings: Findings) -> str:
    column = shape.columns[at] if at < len(shape.columns) else str(at + 1)
    stripped = value.strip()
    if stripped.startswith("="):
        findings.add("cell_formula", number, column)
    elif len(stripped) > MAX_CELL_CHARACTERS:
        findings.add("cell_too_long", number, column, limit=str(MAX_CELL_CHARACTERS))
    elif any(character < " " and character not in "\t\n\r" for character in stripped):
        findings.add("cell_control_characters", number, column)
    else:
        return stripped
    return "-"


# --- XLSX --------------------------------------------------------------------------------------------


def _workbook(content: bytes, shape: TableShape, findings: Findings) -> Iterator[_Cells]:
    try:
        with open_archive(io.BytesIO(content)) as archive:
            _check_parts(archive)
            _check_content(archive)
        yield from _sheet(content, shape, findings)
    except ArchiveRefused:
        raise TableRefused("workbook_unreadable") from None
    except _UNREADABLE as error:
        raise TableRefused("workbook_unreadable") from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    """By what the archive says of itself; the library holds each part to the size it says."""
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED_BYTES:
        raise TableRefused("workbook_too_large", limit=str(MAX_UNPACKED_BYTES))
    names = [part.filename for part in parts]
    if len(set(names)) != len(names) or any(part.flag_bits & 1 for part in parts):
        raise TableRefused("workbook_unreadable")
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise TableRefused("workbook_unreadable")
    if any(name.startswith("xl/externalLinks/") for name in names):
        raise TableRefused("workbook_external_links")
    if any(name.endswith("vbaProject.bin") for name in names):
        raise TableRefused("workbook_macros")


def _check_content(archive: zipfile.ZipFile) -> None:
    for part in archive.infolist():
        if part.filename.endswith((".xml", ".rels")):
            watch = _PartWatch()
            with archive.open(part) as file:
                while piece := file.read(_PIECE):
                    watch.parser.Parse(piece, False)
                watch.parser.Parse(b"", True)


class _PartWatch:
    """What a part of a workbook must not hold, seen while its XML streams by."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._element
        self._cells = 0
        self._rows = 0

    def _doctype(self, *_told: object) -> None:
        raise TableRefused("workbook_unreadable")

    def _element(self, name: str, attributes: Mapping[str, str]) -> None:
        plain = name.rpartition(" ")[2]
        if plain == "mergeCell":
            raise TableRefused("cells_merged", cells=attributes.get("ref", "")[:40])
        if plain == "row":
            self._count_row(attributes.get("r", ""))
        if plain in ("c", "si"):
            self._cells += 1
            if self._cells > MAX_CELLS:
                raise TableRefused("table_cells_too_many", limit=str(MAX_CELLS))

    def _count_row(self, number: str) -> None:
        """The library makes every row up to the number that one states, so that is bounded too."""
        self._rows += 1
        stated = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        if len(number) > 9 or max(self._rows, stated) > MAX_ROW_NUMBER:
            raise TableRefused("table_rows_too_many", limit=str(MAX_ROW_NUMBER))


def _sheet(content: bytes, shape: TableShape, findings: Findings) -> Iterator[_Cells]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that no table needs
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    try:
        if shape.sheet not in book.sheetnames:
            found = ", ".join(book.sheetnames)[:200]
            raise TableRefused("workbook_sheet_missing", sheet=shape.sheet, found=found)
        sheet: Any = book[shape.sheet]
        sheet.reset_dimensions()
        names: list[str] = []
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
            row = [_value(cell, number, _column(names, at), findings) for at, cell in enumerate(cells)]
            names = names or row
            yield number, row
    finally:
        book.close()


def _column(names: Sequence[str], at: int) -> str:
    return names[at] if at < len(names) and names[at] else str(at + 1)


def _value(cell: Any, number: int, column: str, findings: Findings) -> str:
    """A cell as text; what has no exact text is a finding, and stands as a dash."""
    value = cell.value
    if value is None:
        return ""
    code = None
    text: str | None = None
    if cell.data_type == "f":
        code = "cell_formula"
    elif cell.data_type == "e" or isinstance(value, bool):
        code = "cell_kind_wrong"
    elif isinstance(value, int | float):
        text, code = number_text(value), "cell_number_inexact"
    elif isinstance(value, datetime):
        text = value.date().isoformat() if value == datetime.combine(value, datetime.min.time()) else None
        code = "cell_kind_wrong"
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, str):
        return _plain(value, number, column, findings)
    else:
        code = "cell_kind_wrong"
    if text is None:
        findings.add(code or "cell_kind_wrong", number, column)
        return "-"
    return text


def _plain(value: str, number: int, column: str, findings: Findings) -> str:
    shape = TableShape("", (column,), 0)
    return _text(value, number, 0, shape, findings)
