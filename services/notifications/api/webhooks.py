"""The `webhooks` object of the OpenAPI: what a subscribed endpoint receives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

_HEADERS: Final = (
    ("webhook-id", True, "The event's id: the same in every try."),
    ("webhook-timestamp", True, "When this try was made, Unix seconds."),
    ("webhook-signature", True, "Standard Webhooks signatures (`v1`, `v1a`), space separated."),
    ("journal-position", False, "Where the event stands in the register's journal."),
    ("Origin", False, "Our name, to endpoints that consented by handshake (CloudEvents HTTP Webhooks)."),
)


_TEXT: Final = {"type": "string"}
_OWN_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"],
    "properties": {
        "data": {"type": "object", "additionalProperties": _TEXT},
        "datacontenttype": {"const": "application/json"},
        "id": _TEXT,
        "source": {"const": "urn:kz:notifications"},
        "specversion": {"const": "1.0"},
        "subject": {"type": "string", "description": "The subscription that it is about."},
        "time": {"type": "string", "format": "date-time"},
        "type": _TEXT,
    },
}


def _webhook(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": f"An event of type {name}",
            "parameters": [
                {
                    "name": header,
                    "in": "header",
                    "required": required,
                    "description": text,
                    "schema": {"type": "string"},
                }
                for header, required, text in _HEADERS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/cloudevents+json": {"schema": schema}},
            },
            "responses": {
                "2XX": {"description": "Taken."},
                "410": {"description": "Gone: the subscription is disabled."},
            },
        }
    }


def webhooks(published: Iterable[str], own: Iterable[str]) -> dict[str, Any]:
    """One webhook for each type of event: those a journal publishes, and the service's own."""
    facts = {name: _webhook(name, {"$ref": f"events/{name}.json"}) for name in sorted(published)}
    return facts | {name: _webhook(name, _OWN_EVENT) for name in sorted(own)}
