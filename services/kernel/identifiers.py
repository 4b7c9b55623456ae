"""BIN and IIN with their check digits, and the classifier codes of order 327 Appendix 1."""

from __future__ import annotations

import re
from typing import Final, Literal

_FIRST_WEIGHTS: Final = range(1, 12)
_SECOND_WEIGHTS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
_TWELVE_DIGITS: Final = re.compile(r"[0-9]{12}")
_CODES: Final = {
    "tn_ved": re.compile(r"[0-9]{10}"),
    "oked": re.compile(r"[0-9]{5}"),
    "kato": re.compile(r"[0-9]{9}"),
    "ens_tru": re.compile(r"[0-9]{6}\.[0-9]{3}\.[0-9]{6}"),
    "kpved": re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}"),
    "agsk3": re.compile(r"[0-9A-Za-zА-Яа-яЁё.\-]{1,30}"),
}

Code = Literal["tn_ved", "oked", "kato", "ens_tru", "kpved", "agsk3"]


class IdentifierWrong(ValueError):
    """An identifier or code is not of its form; `code` names the rule."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def check_digit(first_eleven: str) -> int | None:
    """The twelfth digit of a BIN or IIN, or None for a number that is never issued."""
    digits = [int(digit) for digit in first_eleven]
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        remainder = sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 11
        if remainder != 10:
            return remainder
    return None


def _with_right_check_digit(text: str, name: str) -> str:
    if _TWELVE_DIGITS.fullmatch(text) is None or not text.isascii():
        raise IdentifierWrong(f"{name}_form", f"{name.upper()} has twelve digits")
    if check_digit(text[:11]) != int(text[11]):
        raise IdentifierWrong(f"{name}_check_digit", f"the check digit of the {name.upper()} does not match")
    return text


def parse_bin(text: str) -> str:
    """A BIN of any kind. Raises `IdentifierWrong`."""
    checked = _with_right_check_digit(text, "bin")
    if checked[4] not in "456":
        raise IdentifierWrong("bin_type", "the fifth digit of a BIN is 4, 5 or 6")
    return checked


def parse_iin(text: str) -> str:
    """An IIN. A date or sex inside it is not validated: numbers without them were issued."""
    return _with_right_check_digit(text, "iin")


def is_bin(text: str) -> bool:
    """True when a twelve-digit number is a BIN rather than an IIN.

    The fifth digit of a BIN is 4, 5 or 6; in an IIN it is the first digit of a day of birth, 0 to 3.
    """
    return len(text) == 12 and text[4] in "456"


def is_iin(text: str) -> bool:
    """True when a text has the form of an IIN: twelve digits that are no BIN."""
    return _TWELVE_DIGITS.fullmatch(text) is not None and text.isascii() and not is_bin(text)


def parse_bin_or_iin(text: str) -> str:
    """A BIN or an IIN, told apart by the fifth digit. Raises `IdentifierWrong`."""
    return parse_bin(text) if is_bin(text) else parse_iin(text)


def parse_applicant(text: str) -> str:
    """The BIN or IIN of someone who can apply: a resident (order 327 para. 3(1)).

    Raises `IdentifierWrong`: a non-resident (BIN type 5), a branch or a representative office cannot apply.
    """
    number = parse_bin_or_iin(text)
    if is_bin(number) and number[4] == "5":
        raise IdentifierWrong("applicant_not_resident", "a non-resident entity cannot apply")
    if is_bin(number) and number[5] in "12":
        raise IdentifierWrong("applicant_is_branch", "a branch or representative office cannot apply")
    return number


def parse_applicant_bin(text: str) -> str:
    """The BIN of a legal entity that can apply; an IIN is none. Raises `IdentifierWrong`."""
    return parse_applicant(parse_bin(text))


def parse_applicant_iin(text: str) -> str:
    """The IIN of an individual who applies; a BIN is none. Raises `IdentifierWrong`."""
    number = parse_iin(text)
    if is_bin(number):
        raise IdentifierWrong("iin_is_bin", "the fifth digit of an IIN is 0 to 3")
    return number


def parse_code(kind: Code, text: str) -> str:
    """A classifier code: TN VED 10 digits, OKED 5, KATO 9, ENS TRU `NNNNNN.NNN.NNNNNN`, KPVED `NN.NN.NN`."""
    if (kind != "agsk3" and not text.isascii()) or _CODES[kind].fullmatch(text) is None:
        raise IdentifierWrong(f"{kind}_form", f"not of the form of a {kind.upper().replace('_', ' ')} code")
    return text
