"""Tables from CSV files and workbooks: exact amounts, and every fault named by row and column."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.verification.adapters.document_content import CSV, XLSX
from services.verification.adapters.spreadsheets import MAX_TABLE_BYTES, read_table
from services.verification.domain.findings import finding_texts, worded
from services.verification.domain.localisation import Finding, LocalisationReport
from services.verification.domain.report_tables import REPORT_TABLE, report_of
from services.verification.domain.tables import TableShape, number_text
from services.verification.usecases.read_report import read_report

TEMPLATES: Final = Path(__file__).parents[3] / "examples" / "templates"
HEADER: Final = list(REPORT_TABLE.columns)
FIGURES: Final[list[list[Any]]] = [
    ["reporting_year", None, None, None, None, "2025"],
    ["development_payments", None, None, None, None, "100.00"],
    ["all_expenses", None, None, None, None, "200.00"],
]


def payment(amount: Any, **changes: Any) -> list[Any]:
    cells = {
        "item": "payment",
        "contract": "1",
        "payee": "P",
        "payee_kind": "foreign_individual",
        "kind": "licence",
        "amount": amount,
        **changes,
    }
    return list(cells.values())


def workbook(
    rows: Sequence[Sequence[Any]], *, sheet: str = "report", change: Callable[[Any], None] | None = None
) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    if change is not None:
        change(page)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def csv_of(rows: Sequence[Sequence[Any]], delimiter: str = ",") -> bytes:
    lines = [delimiter.join("" if cell is None else f'"{cell}"' for cell in row) for row in rows]
    return ("\n".join([delimiter.join(HEADER), *lines]) + "\n").encode()


def findings_of(content: bytes, media_type: str) -> list[Finding]:
    read = read_report(content, media_type)
    return list(read) if isinstance(read, tuple) else []


def places(findings: Sequence[Finding]) -> list[tuple[str, str | None, str | None]]:
    return [(found.code, found.params.get("row"), found.params.get("column")) for found in findings]


@pytest.mark.parametrize(("name", "media_type"), [("csv", CSV), ("xlsx", XLSX)])
def test_the_published_template_is_a_sound_report(name: str, media_type: str) -> None:
    report = read_report((TEMPLATES / f"localisation-report.{name}").read_bytes(), media_type)
    assert isinstance(report, LocalisationReport)
    assert [line.amount for line in report.lines] == ["90000000.00", "10000000.00"]
    assert report.lines[0].payee == "ТОО «Алтын Код»"
    assert report.declared is not None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_csv_may_be_written_in_any_of_the_usual_ways(delimiter: str, mark: bytes) -> None:
    rows = [*FIGURES, [], payment("1234,5")]
    report = read_report(mark + csv_of(rows, delimiter).replace(b"\n", b"\r\n"), CSV)
    assert isinstance(report, LocalisationReport)
    assert report.lines[0].amount == "1234.5"


@pytest.mark.parametrize("media_type", [CSV, XLSX])
@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("1,234,56", "cell_amount_form"),
        ("1 234,56", "cell_amount_grouped"),
        ("1\u00a0234.56", "cell_amount_grouped"),
        ("1\u202f234", "cell_amount_grouped"),
        ("1.005", "cell_amount_form"),
        ("1e3", "cell_amount_form"),
        ("-5", "cell_amount_negative"),
        ("2025-01-01", "cell_amount_form"),
        ("١٢٣", "cell_amount_form"),
        ("", "cell_empty"),
        ("=SUM(F2:F3)", "cell_formula"),
    ],
)
def test_an_amount_that_is_none_is_named_by_row_and_column(media_type: str, amount: str, code: str) -> None:
    rows = [*FIGURES, payment("1"), payment(amount or None)]
    content = csv_of(rows) if media_type == CSV else workbook([HEADER, *rows])
    assert places(findings_of(content, media_type)) == [(code, "6", "amount")]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (date(2025, 1, 1), "cell_amount_form"),
        (datetime(2025, 1, 1, 12, 30), "cell_kind_wrong"),  # noqa: DTZ001  # a sheet knows no zone
        (True, "cell_kind_wrong"),
        (1234567890123456, "cell_number_inexact"),
        (-1.5, "cell_amount_negative"),
        (1.005, "cell_amount_form"),
    ],
)
def test_a_cell_of_the_wrong_kind_is_a_finding(cell: object, code: str) -> None:
    content = workbook([HEADER, *FIGURES, payment(cell)])
    assert places(findings_of(content, XLSX)) == [(code, "5", "amount")]


@given(st.decimals(min_value=0, max_value=Decimal("9999999999999.99"), places=2))
def test_a_number_stored_in_binary_gives_the_amount_that_was_typed(amount: Decimal) -> None:
    text = number_text(float(amount))
    assert text is not None
    assert Decimal(text) == amount


def test_a_number_whose_digits_are_lost_has_no_text() -> None:
    assert number_text(0.1 + 0.2) is None
    assert number_text(float("inf")) is None
    assert number_text(10**15) is None


def test_a_number_written_with_seventeen_digits_gives_the_amount_that_was_typed() -> None:
    content = workbook([HEADER, *FIGURES, payment(1.1)])
    stored = edited(content, "xl/worksheets/sheet1.xml", b"<v>1.1</v>", b"<v>1.1000000000000001</v>")
    report = read_report(stored, XLSX)
    assert isinstance(report, LocalisationReport)
    assert report.lines[0].amount == "1.1"


def edited(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A workbook with one part changed, or added where `old` is empty."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(file, "w", 8) as made:
        for name in given.namelist():
            held = given.read(name)
            if name == part:
                assert old in held
                held = held.replace(old, new)
            made.writestr(name, held)
        if part not in given.namelist():
            made.writestr(part, new)
    return file.getvalue()


SOUND: Final = workbook([HEADER, *FIGURES, payment("1")])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (workbook([HEADER, *FIGURES], change=lambda page: page.merge_cells("A2:B3")), "cells_merged"),
        (workbook([HEADER, *FIGURES], sheet="other"), "workbook_sheet_missing"),
        (workbook([["a", "b"]]), "table_columns_wrong"),
        (workbook([[*HEADER, "amount"]]), "table_columns_wrong"),
        (workbook([]), "table_columns_wrong"),
        (edited(SOUND, "xl/externalLinks/externalLink1.xml", b"", b"<x/>"), "workbook_external_links"),
        (edited(SOUND, "xl/vbaProject.bin", b"", b"x"), "workbook_macros"),
        (edited(SOUND, "xl/worksheets/sheet1.xml", b"</sheetData>", b"</sheet>"), "workbook_unreadable"),
        (edited(SOUND, "xl/workbook.xml", b"<workbook", b"<!DOCTYPE a [<!ENTITY b 'c'>]><workbook"),
         "workbook_unreadable"),
        (edited(SOUND, "xl/bomb.xml", b"", b"<x>" + b" " * 80_000_000), "workbook_too_large"),
        (SOUND[: len(SOUND) // 2], "workbook_unreadable"),
        (b"PK\x03\x04", "workbook_unreadable"),
        (b"", "workbook_unreadable"),
    ],
)  # fmt: skip
def test_a_workbook_that_is_no_table_is_one_clear_finding(content: bytes, code: str) -> None:
    (finding,) = findings_of(content, XLSX)
    assert finding.code == code
    assert worded(finding).ru


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "table_columns_wrong"),
        (b"item;amount\n", "table_columns_wrong"),
        (csv_of([])[:-1] + b'\n"open', "table_row_unreadable"),
        (csv_of([]) + b"\xff\xfe", "table_not_utf8"),
        (b"a" * (MAX_TABLE_BYTES + 1), "table_too_large"),
    ],
)
def test_a_csv_that_is_no_table_is_one_clear_finding(content: bytes, code: str) -> None:
    found = [finding.code for finding in findings_of(content, CSV)]
    assert code in found


def test_rows_name_what_is_wrong_in_each_and_no_row_is_half_taken() -> None:
    rows = [
        *FIGURES,
        payment("1", payee_kind="martian"),
        payment("x", payee=None),
        ["reporting_year", "1", None, None, None, "25"],
        ["gift", None, None, None, None, None],
        [*payment("1"), "surplus"],
    ]
    assert places(findings_of(workbook([HEADER, *rows]), XLSX)) == [
        ("cell_beyond_columns", "9", "7"),
        ("cell_value_unknown", "5", "payee_kind"),
        ("cell_empty", "6", "payee"),
        ("cell_amount_form", "6", "amount"),
        ("item_repeated", "7", "item"),
        ("cell_not_empty", "7", "contract"),
        ("cell_year_form", "7", "amount"),
        ("cell_value_unknown", "8", "item"),
    ]


def test_a_figure_that_is_missing_is_named() -> None:
    found = findings_of(csv_of([FIGURES[0], FIGURES[1]]), CSV)
    assert [(finding.code, finding.params["item"]) for finding in found] == [("item_missing", "all_expenses")]


def million_rows() -> bytes:
    row = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>p</t></is></c></row>'
    rows = b"".join(row % (number, number) for number in range(2, 1_000_001))
    return edited(SOUND, "xl/worksheets/sheet1.xml", b"</sheetData>", rows + b"</sheetData>")


def far_rows() -> bytes:
    row = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>p</t></is></c></row>'
    return edited(SOUND, "xl/worksheets/sheet1.xml", b"</sheetData>", row + b"</sheetData>")


@pytest.mark.parametrize("make", [million_rows, far_rows])
def test_a_million_rows_are_refused_within_bounds(make: Callable[[], bytes]) -> None:
    content = make()
    tracemalloc.start()
    started = time.monotonic()
    read_table(content, XLSX, REPORT_TABLE)
    seconds, (_now, peak) = time.monotonic() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 30
    assert peak < 200 * 1024 * 1024


def test_a_million_rows_are_one_finding() -> None:
    (finding,) = findings_of(million_rows(), XLSX)
    assert finding.code in {"table_rows_too_many", "workbook_too_large"}
    many = csv_of([]) + b"payment,1,P,foreign_individual,licence,1\n" * 20_100
    assert [found.code for found in findings_of(many, CSV)] == ["table_rows_too_many"]


@given(st.binary(max_size=400))
def test_any_bytes_give_findings_never_a_crash(content: bytes) -> None:
    for media_type in (CSV, XLSX):
        assert findings_of(content, media_type)


@given(st.data())
def test_a_workbook_broken_anywhere_gives_findings_never_a_crash(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SOUND) - 1))
    broken = SOUND[:at] + data.draw(st.binary(min_size=1, max_size=4)) + SOUND[at + 1 :]
    read_report(broken, XLSX)


def test_every_finding_is_worded_in_three_languages() -> None:
    for code, text in finding_texts().items():
        assert all((text.kk, text.ru, text.en)), code


def test_a_table_without_rows_is_empty() -> None:
    shape = TableShape("s", ("a",), 3)
    assert read_table(b"a\n", CSV, shape).rows == []
    assert report_of(read_table(b"a\n", CSV, REPORT_TABLE)) != ()
