"""The clauses of ISO 19005-3 (PDF/A-3b) that a typeset and sealed extract could break, object by object.

No validator by others judges PDF/A-3 where only Python, Debian and npm packages are to be had, so these are
the rules themselves, each under its clause. A file that breaks one is named with it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree as ET

import pypdf
from pypdf.generic import ContentStream, DictionaryObject, IndirectObject, StreamObject

FORBIDDEN_ACTIONS: Final = {
    "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/Hide", "/SetOCGState", "/Rendition",
    "/Trans", "/GoTo3DView", "/JavaScript",
}  # fmt: skip
FORBIDDEN_ANNOTATIONS: Final = {"/3D", "/Sound", "/Screen", "/Movie"}
CHANNELS: Final = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
PDFAID: Final = "{http://www.aiim.org/pdfa/ns/id/}"


def breaches(pdf: bytes) -> list[str]:
    """Every clause that the file breaks, each with what breaks it."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    if reader.is_encrypted:
        return ["6.1.3: encrypted"]
    root: Any = reader.trailer["/Root"]
    objects = list(_objects(reader))
    return [
        *_file(pdf, reader),
        *_metadata(root),
        *_colour(reader, root),
        *(found for one in objects for found in _object(one)),
        *_attachments(root, objects),
        *_interaction(root),
    ]


def _objects(reader: pypdf.PdfReader) -> Iterator[Any]:
    size: Any = reader.trailer["/Size"]
    for number in range(1, int(size)):
        found = reader.get_object(IndirectObject(number, 0, reader))
        if found is not None:
            yield from _inside(found)


def _of(one: Any, name: str, otherwise: Any = None) -> Any:
    """A member, also where it stands elsewhere in the file."""
    return one[name].get_object() if name in one else otherwise


def _inside(value: Any) -> Iterator[Any]:
    """A value and the dictionaries that stand in it directly."""
    if isinstance(value, DictionaryObject):
        yield value
    inner = value.values() if isinstance(value, DictionaryObject) else value
    if isinstance(value, DictionaryObject | list):
        for one in inner:
            if not isinstance(one, IndirectObject):
                yield from _inside(one)


def _file(pdf: bytes, reader: pypdf.PdfReader) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7]\r?\n%[\x80-\xff]{4}", pdf):
        yield "6.1.2: header"
    if len(reader.trailer.get("/ID", ())) != 2:
        yield "6.1.3: no file identifier"
    if not re.search(rb"%%EOF\r?\n?\Z", pdf):
        yield "6.1.3: something follows the end"


def _metadata(root: Any) -> Iterator[str]:
    stream = _of(root, "/Metadata")
    if stream is None:
        yield "6.6.2.1: no metadata"
        return
    if "/Filter" in stream:
        yield "6.6.2.1: metadata that not everybody reads: compressed"
    xmp = ET.fromstring(stream.get_data())  # of a file made here
    said = {one.tag: one.text for one in xmp.iter()}
    said |= {name: value for one in xmp.iter() for name, value in one.attrib.items()}
    if (said.get(f"{PDFAID}part"), said.get(f"{PDFAID}conformance")) != ("3", "B"):
        yield "6.6.4: part and conformance"


def _colour(reader: pypdf.PdfReader, root: Any) -> Iterator[str]:
    intents = [one.get_object() for one in _of(root, "/OutputIntents", ())]
    profiles = [one["/DestOutputProfile"].get_object() for one in intents if one["/S"] == "/GTS_PDFA1"]
    if len(profiles) != 1:
        yield "6.2.3: not one PDF/A output intent"
        return
    icc: bytes = profiles[0].get_data()
    if icc[36:40] != b"acsp" or icc[8] > 4 or icc[12:16] not in {b"mntr", b"prtr"}:
        yield "6.2.3: no profile of a display or printer"
    if CHANNELS.get(icc[16:20]) != profiles[0]["/N"]:
        yield "6.2.3: the profile has other channels"
    for page in reader.pages:
        contents = page.get_contents()
        used = {operator for _, operator in ContentStream(contents, reader).operations}
        if used & {b"k", b"K"} or (used & {b"rg", b"RG"} and icc[16:20] != b"RGB "):
            yield "6.2.4.3: a device's colour that the output intent does not explain"


def _object(one: Any) -> Iterator[str]:
    kind, subtype = one.get("/Type"), one.get("/Subtype")
    filters = one.get("/Filter", ())
    if isinstance(one, StreamObject) and "/LZWDecode" in (
        filters if isinstance(filters, list) else [filters]
    ):
        yield "6.1.7.2: LZW"
    if isinstance(one, StreamObject) and not one.keys().isdisjoint(("/FFilter", "/FDecodeParms")):
        yield "6.1.7.1: a stream outside the file"
    if kind == "/ExtGState" and ("/TR" in one or one.get("/TR2", "/Default") != "/Default"):
        yield "6.2.5: a transfer function"
    if subtype == "/Image" and (one.get("/Interpolate") or "/Alternates" in one or "/OPI" in one):
        yield "6.2.8: an image that looks otherwise elsewhere"
    if subtype == "/PS" or one.get("/Subtype2") == "/PS" or (subtype == "/Form" and "/Ref" in one):
        yield "6.2.9: PostScript or a reference outside"
    yield from _font(one)
    if one.get("/S") in FORBIDDEN_ACTIONS and kind in ("/Action", None):
        yield f"6.5.1: action {one['/S']}"
    if kind == "/Annot" or (kind is None and subtype in {"/Link", "/Widget"}):
        yield from _annotation(one)


def _font(one: Any) -> Iterator[str]:
    if one.get("/Type") != "/Font" or one["/Subtype"] in {"/Type0", "/Type3"}:
        return
    descriptor: Any = _of(one, "/FontDescriptor", {})
    if descriptor.keys().isdisjoint(("/FontFile", "/FontFile2", "/FontFile3")):
        yield f"6.2.11.4: {one['/BaseFont']} is not embedded"
    if one["/Subtype"] == "/CIDFontType2" and "/CIDToGIDMap" not in one:
        yield f"6.2.11.3.2: {one['/BaseFont']} has no CIDToGIDMap"


def _annotation(one: Any) -> Iterator[str]:
    subtype, flags = one["/Subtype"], int(one.get("/F", 0))
    if subtype in FORBIDDEN_ANNOTATIONS:
        yield f"6.3.1: annotation {subtype}"
    if not flags & 0b100 or flags & 0b100100011:  # Print; not Invisible, Hidden, NoView, ToggleNoView
        yield f"6.3.2: the flags {flags} of {subtype}"
    left, bottom, right, top = (float(edge) for edge in one["/Rect"])
    if subtype not in {"/Link", "/Popup"} and (left, bottom) != (right, top) and "/AP" not in one:
        yield f"6.3.3: {subtype} has no appearance"
    if subtype == "/Widget" and not one.keys().isdisjoint(("/A", "/AA")):
        yield "6.4.1: a field that acts"


def _attachments(root: Any, objects: list[Any]) -> Iterator[str]:
    associated = [one.get_object() for one in _of(root, "/AF", ())]
    for one in objects:
        if one.get("/Type") != "/Filespec":
            continue
        if one not in associated:
            yield "6.8: an attachment that belongs to nothing"
        if "/F" not in one or "/UF" not in one or "/AFRelationship" not in one:
            yield "6.8: an attachment without its names or relationship"
        if "/Subtype" not in one["/EF"]["/F"].get_object():
            yield "6.8: an attachment without its media type"


def _interaction(root: Any) -> Iterator[str]:
    names = _of(root, "/Names", {})
    if "/JavaScript" in names or "/AlternatePresentations" in names or "/Requirements" in root:
        yield "6.5, 6.10, 6.11: scripts, presentations or requirements"
    if "/AA" in root or any("/AA" in page.get_object() for page in root["/Pages"]["/Kids"]):
        yield "6.5.2: additional actions"
    form = _of(root, "/AcroForm", {})
    if form.get("/NeedAppearances") or "/XFA" in form or root.get("/NeedsRendering"):
        yield "6.4: a form that is drawn by its reader"
    if _of(root, "/Perms", {}).keys() - {"/UR3", "/DocMDP"}:
        yield "6.1.12: other permissions"
