"""What a verifier refuses, by name. Nothing here is ever a warning: each stops the check."""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A check failed. `position` is the first bad position (from 1), where the check can tell it."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position

    def __str__(self) -> str:
        place = f" (first bad position {self.position})" if self.position is not None else ""
        return f"{self.code}: {self.args[0]}{place}"


class Malformed(Refused):
    """Not in the form its specification gives: cut short, badly encoded, or something else altogether."""

    code = "malformed"


class KeyMalformed(Malformed):
    """Not a verifier key (`<name>+<key id>+<base64>`)."""

    code = "key_malformed"


class SignatureWrong(Refused):
    """A signature in the name of a known key does not fit the text: one of the two was altered."""

    code = "signature_wrong"


class NotSigned(Refused):
    """No signature of a known key."""

    code = "not_signed"


class OtherLog(Refused):
    """A checkpoint of another log than the one asked about."""

    code = "other_log"


class TooFewWitnesses(Refused):
    """Fewer witnesses cosigned than were asked for."""

    code = "too_few_witnesses"


class NotIncluded(Refused):
    """The proof does not lead from this record to the checkpoint's root."""

    code = "not_included"


class Inconsistent(Refused):
    """The later tree does not contain the earlier one: history was rewritten, or forked."""

    code = "inconsistent"


class Shorter(Refused):
    """The log is shorter than one signed before."""

    code = "shorter"


class Stale(Refused):
    """The checkpoint was signed longer ago than a living log's would have been."""

    code = "stale"


class TileMissing(Refused):
    """A file that the checkpoint's size requires is not there."""

    code = "tile_missing"


class TileAltered(Refused):
    """A tile's hashes do not lead to the signed root."""

    code = "tile_altered"


class RecordAltered(Refused):
    """A record is not the one that the signed tree holds at its position."""

    code = "record_altered"


class ContentAltered(Refused):
    """What is said is not what the signed record fixes."""

    code = "content_altered"


class RecordMissing(Refused):
    """Fewer records than the checkpoint counts."""

    code = "record_missing"


class RecordUnsealed(Refused):
    """More records than the checkpoint counts."""

    code = "record_unsealed"


class Unreachable(Refused):
    """The service did not answer, or not with what was asked for."""

    code = "unreachable"
