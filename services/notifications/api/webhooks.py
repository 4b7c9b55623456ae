"""The `webhooks` object of the OpenAPI: what a subscribed endpoint receives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

_HEADERS: Final = (
    ("webhook-id", "The event's id: the same in every try."),
    ("webhook-timestamp", "When this try was made, Unix seconds."),
    ("webhook-signature", "Standard Webhooks signatures, space separated."),
)


def _webhook(name: str) -> dict[str, Any]:
    return {
        "post": {
            "summary": f"An event of type {name}",
            "parameters": [
                {
                    "name": header,
                    "in": "header",
                    "required": True,
                    "description": text,
                    "schema": {"type": "string"},
                }
                for header, text in _HEADERS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/cloudevents+json": {"schema": {"$ref": f"events/{name}.json"}}},
            },
            "responses": {
                "2XX": {"description": "Taken."},
                "410": {"description": "Gone: the subscription is disabled."},
            },
        }
    }


def webhooks(event_types: Iterable[str]) -> dict[str, Any]:
    """One webhook for each type of event that can be subscribed to."""
    return {name: _webhook(name) for name in event_types}
