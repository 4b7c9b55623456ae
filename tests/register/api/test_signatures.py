"""Order 327 para. 10: the portal has an application signed and verifies it; no other word for it counts."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import httpx2
from joserfc.jwk import OKPKey

from services.kernel.identity.tokens import TokenIssuer
from services.register.contract.events import ApplicationFiled
from tests.register.api.conftest import Api, body, serve
from tests.register.given import BIN

SIGNATURE = "5e" * 32


def an_issuer(name: str) -> TokenIssuer:
    key = OKPKey.generate_key("Ed25519", parameters={"kid": name})
    return TokenIssuer(name, key, audience="urn:tizilim:register")


def filed_by(api: Api, issuer: TokenIssuer, **changes: str) -> httpx2.Response:
    token = issuer.token(subject="p", roles=["producer"], producer=BIN)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex, "Accept-Language": "ru"}
    return api.client.post("/v1/applications", json=body(**changes), headers=headers)


def test_a_signature_counts_by_the_word_of_the_portal_alone_and_the_fact_names_it_para_10(
    sqlite_url: str, tmp_path: Path
) -> None:
    portal, bank = an_issuer("https://portal.example"), an_issuer("https://bank.example")
    integrator = an_issuer("https://integrator.example")
    granted = {portal: ["producer"], bank: ["producer"], integrator: ["integrator"]}
    trusted = {one.issuer: {**one.public_keys().as_dict(), "roles": roles} for one, roles in granted.items()}
    (tmp_path / "issuers.json").write_text(json.dumps(trusted))
    settings = {"trusted_issuers": tmp_path / "issuers.json", "signature_issuers": [portal.issuer]}
    for api in serve(sqlite_url, tmp_path, **settings):
        refused = filed_by(api, bank, signature_sha256=SIGNATURE)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/signature_not_attested")
        assert refused.json()["title"] == "Подпись не подтверждена порталом"
        assert filed_by(api, integrator, signature_sha256=SIGNATURE).status_code == 401, "no role to file"
        assert api.head() == 0
        assert filed_by(api, portal, signature_sha256=SIGNATURE).status_code == 201
        (filed,) = (
            row.fact.data
            for page in api.desk.journal.replay()
            for row in page
            if isinstance(row.fact.data, ApplicationFiled)
        )
        assert (filed.signature_sha256, filed.signature_attested_by) == (SIGNATURE, portal.issuer)
