"""Messages in the producer's personal account: what each legal step says, in Kazakh, Russian and English.

Rendering is pure: the same template, version and parameters give the same texts years later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from services.kernel.contract import Language, OfficialText
from services.notifications.domain.phrasing import LANGUAGES, counted, date_in, quarter_in
from services.notifications.domain.templates import (
    DAY,
    VOCABULARY,
    Audience,
    Edition,
    Naming,
    ParameterKind,
    Placeholder,
    Source,
    Template,
    Version,
    Vocabulary,
    in_force,
    load,
    pieces,
)

ParameterValue: TypeAlias = dt.date | OfficialText | str | int

_BASIS: Final[dict[Language, str]] = {
    "kk": "Құқықтық негізі",
    "ru": "Правовое основание",
    "en": "Legal basis",
}


class UnknownTemplate(LookupError):
    """No template has this id, or it has no such version."""


class WrongParameters(ValueError):
    """The parameters are not those the template declares; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads: a subject of one line, and paragraphs parted by empty lines, without markup."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message in all languages, with what is needed to render it again.

    `editions` are the wordings it was made of: the template's, and those of the names it uses.
    """

    template_id: str
    version: int
    audience: Audience
    editions: tuple[Edition, ...]
    kk: Text
    ru: Text
    en: Text

    def in_language(self, language: Language) -> Text:
        """The text in one language."""
        texts: dict[Language, Text] = {"kk": self.kk, "ru": self.ru, "en": self.en}
        return texts[language]


class Catalogue:
    """Every template, and the vocabulary they share."""

    def __init__(
        self,
        templates: Mapping[str, Template],
        vocabulary: Vocabulary,
        editions: Mapping[tuple[str, int], Edition],
    ) -> None:
        self.templates = templates
        self.editions = editions
        self._vocabulary = vocabulary

    def render(
        self, template_id: str, params: Mapping[str, ParameterValue], *, version: int | None = None
    ) -> RenderedMessage:
        """Write a message.

        `params` are exactly those the template declares: `date` as `datetime.date` (a legal day in
        Asia/Almaty), `text` as `OfficialText` (where it has no English, the English message shows the
        Russian), `string` as text, `quarter` as `2026-Q1`, `choice` as one of its keys, `count` as a whole
        number. `version` renders an old wording again; by default the one in use on the day `on`.

        Raises UnknownTemplate and WrongParameters.
        """
        template = self.templates.get(template_id)
        if template is None:
            raise UnknownTemplate(template_id)
        day = params.get(DAY)
        if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
            raise WrongParameters(f"{template_id}: `{DAY}` is a date")
        chosen = _chosen(template, day, version)
        _check_parameters(template_id, chosen, params)
        texts = {language: self._text(language, chosen, params, day) for language in LANGUAGES}
        editions = self._used(template_id, chosen, day)
        return RenderedMessage(template_id, chosen.version, template.audience, editions, **texts)

    def _used(self, template_id: str, version: Version, day: dt.date) -> tuple[Edition, ...]:
        sources = (version.texts.kk, version.texts.ru, version.texts.en)
        texts = [text for source in sources for text in source.parts()]
        named = {piece.name for text in texts for piece in pieces(text) if not isinstance(piece, str)}
        names = sorted(named & set(self._vocabulary.terms))
        numbers = [1 + self._vocabulary.terms[name].index(self._naming(name, day)) for name in names]
        return (
            self.editions[template_id, version.version],
            *(self.editions[VOCABULARY + name, number] for name, number in zip(names, numbers, strict=True)),
        )

    def _naming(self, name: str, day: dt.date) -> Naming:
        return in_force(self._vocabulary.terms[name], day)

    def _text(
        self, language: Language, version: Version, params: Mapping[str, ParameterValue], day: dt.date
    ) -> Text:
        def fill(text: str) -> str:
            return "".join(
                piece if isinstance(piece, str) else self._value(language, version, params, day, piece)
                for piece in pieces(text)
            )

        source: Source = getattr(version.texts, language)
        basis = f"{_BASIS[language]}: {fill(source.basis)}."
        return Text(fill(source.subject), "\n\n".join([*map(fill, source.body), basis]))

    def _value(
        self,
        language: Language,
        version: Version,
        params: Mapping[str, ParameterValue],
        day: dt.date,
        place: Placeholder,
    ) -> str:
        if place.name in self._vocabulary.terms:
            text = self._naming(place.name, day).forms[language][place.form]
        elif version.parameters[place.name] == "choice":
            text = _official(version.choices[place.name][str(params[place.name])], language)
        elif isinstance(value := params[place.name], int):
            text = counted(language, value, version.plurals[place.name][language])
        else:
            text = _written(language, version.parameters[place.name], value, place.form)
        return text[:1].upper() + text[1:] if place.capital else text


def _chosen(template: Template, day: dt.date, version: int | None) -> Version:
    if version is None:
        return in_force(template.versions, day)
    found = next((one for one in template.versions if one.version == version), None)
    if found is None:
        raise UnknownTemplate(f"{template.id} v{version}")
    return found


def _check_parameters(template_id: str, version: Version, params: Mapping[str, ParameterValue]) -> None:
    declared = version.parameters
    if set(params) != set(declared):
        missing, unknown = sorted(set(declared) - set(params)), sorted(set(params) - set(declared))
        raise WrongParameters(f"{template_id}: missing {missing}, unknown {unknown}")
    for name, kind in declared.items():
        if not _fits(kind, params[name]):
            raise WrongParameters(f"{template_id}: `{name}` is no {kind}")
        if kind == "choice" and params[name] not in version.choices[name]:
            raise WrongParameters(f"{template_id}: `{name}` is one of {sorted(version.choices[name])}")


def _fits(kind: ParameterKind, value: ParameterValue) -> bool:
    if kind == "date":
        return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    if kind == "text":
        return isinstance(value, OfficialText) and bool(value.kk.strip() and value.ru.strip())
    if kind == "count":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not isinstance(value, str) or not value.strip():
        return False
    if kind == "quarter":
        return _is_quarter(value)
    return value.isprintable()


def _is_quarter(value: str) -> bool:
    try:
        quarter_in("en", value)
    except ValueError:
        return False
    return True


def _written(language: Language, kind: ParameterKind, value: dt.date | OfficialText | str, form: str) -> str:
    if isinstance(value, dt.date):
        return date_in(language, value, form)
    if isinstance(value, OfficialText):
        return _official(value, language)
    return quarter_in(language, value) if kind == "quarter" else value


def _official(text: OfficialText, language: Language) -> str:
    return {"kk": text.kk, "ru": text.ru, "en": text.en or text.ru}[language]


def folded(text: str) -> str:
    """A text as a search compares it: without regard to case, spaces run together."""
    return " ".join(text.casefold().split())


def searchable(message: RenderedMessage) -> str:
    """All texts of a message as a search compares them."""
    texts = (message.kk, message.ru, message.en)
    return "\n".join(folded(part) for text in texts for part in (text.subject, text.body))


@cache
def catalogue() -> Catalogue:
    """The service's own templates, read once. Raises TemplateError when they are wrong."""
    return Catalogue(*load())


def render(template_id: str, params: Mapping[str, ParameterValue]) -> RenderedMessage:
    """Write a message from the service's own templates; see `Catalogue.render`."""
    return catalogue().render(template_id, params)
