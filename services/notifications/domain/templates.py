"""Message templates as versioned data: how the files read, and what makes one wrong.

A wording once used is never changed: a new one is a new version with the day from which it is used. Names of
authorities and acts stand in the vocabulary, with days of their own, because legislation renames them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal, TypeVar

import msgspec

from services.kernel.contract import Language, OfficialText
from services.notifications.domain.phrasing import DATE_FORMS, LANGUAGES, NOMINATIVE, plural_categories

ParameterKind = Literal["date", "text", "string", "quarter", "choice", "count"]
Audience = Literal["producer", "authority"]

CAPITAL: Final = "capital"
VOCABULARY: Final = "vocabulary/"
DAY: Final = "on"
"""Every template takes the day of its fact; it also chooses the version and the vocabulary."""
NUMBER: Final = "{n}"
"""Where a count stands in the phrases of its plural forms."""


class TemplateError(Exception):
    """The template files contradict themselves; the service must not start with them."""


class EnglishToo(OfficialText, frozen=True, kw_only=True):
    """A text of ours: in all three languages."""

    en: str


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language's wording. `basis` cites the law and closes the body."""

    subject: str
    body: tuple[str, ...]
    basis: str

    def parts(self) -> tuple[str, ...]:
        """Every text in it."""
        return (self.subject, *self.body, self.basis)


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The wording in each language."""

    kk: Source
    ru: Source
    en: Source


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One wording, used from a day on until the next version's day.

    `plurals` give a count's phrase for each plural category of each language (CLDR), with `{n}` in it.
    """

    version: int
    in_force_from: dt.date
    parameters: dict[str, ParameterKind]
    texts: Texts
    choices: dict[str, dict[str, EnglishToo]] = {}
    plurals: dict[str, dict[Language, dict[str, str]]] = {}


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of message and its wordings, oldest first."""

    id: str
    audience: Audience
    versions: tuple[Version, ...]


class Naming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an authority or an act is called from a day on: by language and grammatical form."""

    in_force_from: dt.date
    forms: dict[Language, dict[str, str]]


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names that templates use without being given them, each with its namings, oldest first."""

    terms: dict[str, tuple[Naming, ...]]


@dataclass(frozen=True, slots=True)
class Edition:
    """One wording by the SHA-256 of what its file says: of a template, or of a name (`vocabulary/<name>`)."""

    id: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place in a text, as `{name}`, `{name:form}` or `{name:form:capital}`."""

    name: str
    form: str
    capital: bool


Dated = TypeVar("Dated", Version, Naming)


def in_force(versions: tuple[Dated, ...], day: dt.date) -> Dated:
    """The version in use on a day; before the first one's day, the first."""
    return next((one for one in reversed(versions) if one.in_force_from <= day), versions[0])


@cache
def pieces(text: str) -> tuple[str | Placeholder, ...]:
    """A template's text cut into literal strings and placeholders. Raises TemplateError on broken braces."""
    return tuple(_cut(text))


def _cut(text: str) -> Iterator[str | Placeholder]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise TemplateError(f"{error}: {text}") from None
    for literal, name, spec, conversion in parsed:
        if literal:
            yield literal
        if name is None:
            continue
        form, _, rest = (spec or NOMINATIVE).partition(":")
        if not name.isidentifier() or conversion or rest not in {"", CAPITAL}:
            raise TemplateError(f"placeholder {{{name}:{spec}}} in: {text}")
        yield Placeholder(name, form, rest == CAPITAL)


def load(
    folder: Traversable | None = None,
) -> tuple[Mapping[str, Template], Vocabulary, Mapping[tuple[str, int], Edition]]:
    """Read and check every template of a folder, by default the service's own; with each wording's edition.

    Raises TemplateError naming the file and what is wrong with it.
    """
    folder = folder or files("services.notifications") / "templates"
    vocabulary = _decode(folder / "vocabulary.json", Vocabulary)
    _check_vocabulary(vocabulary)
    templates: dict[str, Template] = {}
    wordings: dict[str, list[object]] = {
        f"{VOCABULARY}{name}": namings
        for name, namings in msgspec.json.decode((folder / "vocabulary.json").read_bytes())["terms"].items()
    }
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".json") or file.name == "vocabulary.json":
            continue
        template = _decode(file, Template)
        if f"{template.id}.json" != file.name:
            raise TemplateError(f"{file.name} holds the template {template.id}")
        check(template, vocabulary)
        templates[template.id] = template
        wordings[template.id] = msgspec.json.decode(file.read_bytes())["versions"]
    return templates, vocabulary, _editions(wordings)


def _editions(wordings: Mapping[str, list[object]]) -> Mapping[tuple[str, int], Edition]:
    """The editions of wordings as their files say them, each counted from 1."""
    return {
        (name, number): Edition(
            name, number, hashlib.sha256(msgspec.json.encode(wording, order="sorted")).hexdigest()
        )
        for name, versions in wordings.items()
        for number, wording in enumerate(versions, start=1)
    }


def refuse_changes(editions: Mapping[tuple[str, int], Edition], used: Iterable[Edition]) -> None:
    """Raise TemplateError when a wording that a message was written with is gone or changed."""
    for edition in used:
        found = editions.get((edition.id, edition.version))
        if found is None:
            raise TemplateError(f"{edition.id} v{edition.version} is gone, but messages were written with it")
        if found.digest != edition.digest:
            raise TemplateError(
                f"{edition.id} v{edition.version} was changed after messages were written with it (digest "
                f"{found.digest}, used with {edition.digest}); add a new version with its day instead"
            )


Decoded = TypeVar("Decoded")


def _decode(file: Traversable, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (msgspec.DecodeError, OSError) as error:
        raise TemplateError(f"{file.name}: {error}") from error


def check(template: Template, vocabulary: Vocabulary) -> None:
    """Find what is wrong with a template.

    Raises TemplateError when versions are not in order, a parameter is declared and not used or used and not
    declared in any language, a choice is empty or not declared, or a form does not exist.
    """
    _check_order(template.id, template.versions)
    numbers = [one.version for one in template.versions]
    if numbers != list(range(1, len(numbers) + 1)):
        raise TemplateError(f"{template.id}: versions are counted from 1")
    for version in template.versions:
        where = f"{template.id} v{version.version}"
        if version.parameters.get(DAY) != "date":
            raise TemplateError(f"{where}: takes the day of its fact as the date `{DAY}`")
        choosing = {name for name, kind in version.parameters.items() if kind == "choice"}
        if choosing != set(version.choices) or not all(version.choices.values()):
            raise TemplateError(f"{where}: its choices are not those of its parameters")
        _check_plurals(where, version)
        if clash := set(version.parameters) & set(vocabulary.terms):
            raise TemplateError(f"{where}: {sorted(clash)} are names of the vocabulary")
        for language in LANGUAGES:
            _check_source(f"{where} {language}", language, version, vocabulary)


def _check_plurals(where: str, version: Version) -> None:
    counted = {name for name, kind in version.parameters.items() if kind == "count"}
    if counted != set(version.plurals):
        raise TemplateError(f"{where}: its plurals are not those of its counts")
    for name, forms in version.plurals.items():
        for language in LANGUAGES:
            phrases = forms.get(language, {})
            if set(phrases) != plural_categories(language):
                raise TemplateError(f"{where} {language}: {name} lacks a plural form or has one too many")
            if not all(NUMBER in phrase for phrase in phrases.values()):
                raise TemplateError(f"{where} {language}: a plural form of {name} lacks {NUMBER}")


def _check_source(where: str, language: Language, version: Version, vocabulary: Vocabulary) -> None:
    source: Source = getattr(version.texts, language)
    if not source.body or not all(part.strip() for part in source.parts()) or "\n" in source.subject:
        raise TemplateError(f"{where}: needs a subject of one line, a body and a basis")
    used: set[str] = set()
    for place in _placeholders(source.parts()):
        if place.name in vocabulary.terms:
            _check_forms(where, place, (one.forms[language] for one in vocabulary.terms[place.name]))
            continue
        used.add(place.name)
        kind = version.parameters.get(place.name)
        allowed = DATE_FORMS[language] if kind == "date" else {NOMINATIVE}
        _check_forms(where, place, [allowed])
    if used != set(version.parameters):
        raise TemplateError(f"{where}: uses {sorted(used)}, declares {sorted(version.parameters)}")


def _placeholders(texts: Iterable[str]) -> Iterator[Placeholder]:
    for text in texts:
        yield from (piece for piece in pieces(text) if isinstance(piece, Placeholder))


def _check_forms(where: str, place: Placeholder, known: Iterable[Iterable[str]]) -> None:
    if not all(place.form in set(forms) for forms in known):
        raise TemplateError(f"{where}: {place.name} has no form {place.form}")


def _check_vocabulary(vocabulary: Vocabulary) -> None:
    for name, namings in vocabulary.terms.items():
        _check_order(name, namings)
        if any(set(naming.forms) != set(LANGUAGES) for naming in namings):
            raise TemplateError(f"vocabulary: {name} is not named in every language")


def _check_order(where: str, versions: tuple[Version, ...] | tuple[Naming, ...]) -> None:
    days = [one.in_force_from for one in versions]
    if not days or any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise TemplateError(f"{where}: needs versions, each with a later day than the one before")
