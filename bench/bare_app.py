"""The floor for commands over HTTP: FastAPI, one route, one row in a transaction, no journal."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from fastapi import Body, FastAPI

from services.kernel.database import Database

app = FastAPI()
database = Database(os.environ["BARE_DATABASE_URL"])
ROWS = sa.Table("bare", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True), sa.Column("body", sa.JSON))
ROWS.metadata.create_all(database.engine)


@app.post("/rows", status_code=201)
def insert(body: dict[str, Any] = Body()) -> dict[str, str]:  # noqa: B008  # FastAPI's way
    """Insert the body as one row."""
    row_id = str(uuid4())
    with database.write() as connection:
        connection.execute(sa.insert(ROWS).values(id=row_id, body=body))
    return {"id": row_id}
