"""What an access token must be like, on an endpoint that needs one."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts import keys
from accounts.models import SigningKey, User
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens

Forge = Callable[[dict[str, Any]], str]


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _sign(claims: dict[str, Any], **header: str | None) -> str:
    """As the service does, but for what is given."""
    key = keys.signing_key()
    kid = header.get("kid", key.kid)
    headers = {"kid": kid} if kid else {}
    return jwt.encode(claims, key.secret, header.get("alg") or "HS256", headers)


def _unsigned(claims: dict[str, Any], alg: str | None) -> str:
    header = {"alg": alg, "kid": keys.signing_key().kid}
    return f"{_part(header)}.{_part(claims)}."


def _with_foreign_key(claims: dict[str, Any], secret: bytes) -> str:
    return jwt.encode(claims, secret, "HS256", headers={"kid": keys.signing_key().kid})


@pytest.fixture
def access(alice: User) -> str:
    return issue_tokens(alice)["access"]


def _claims(access: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(access, options={"verify_signature": False})
    return claims


FORGERIES: dict[str, Forge] = {
    "alg none": lambda claims: _unsigned(claims, "none"),
    "alg None": lambda claims: _unsigned(claims, "None"),
    "no alg": lambda claims: _unsigned(claims, None),
    "alg HS512": lambda claims: _sign(claims, alg="HS512"),
    "unknown kid": lambda claims: _sign(claims, kid="0" * 32),
    "no kid": lambda claims: _sign(claims, kid=None),
    "kid that is a path": lambda claims: _sign(claims, kid="../../dev/null"),
    "foreign key": lambda claims: _with_foreign_key(claims, b"x" * 32),
    "the server's own secret": lambda claims: _with_foreign_key(
        claims, settings.SIMPLE_JWT["SIGNING_KEY"].encode()
    ),
    "what the database holds": lambda claims: _with_foreign_key(
        claims, bytes(SigningKey.objects.get().seed)
    ),
    "expired": lambda claims: _sign(claims | {"exp": 1_700_000_000}),
    "no expiry": lambda claims: _sign({k: v for k, v in claims.items() if k != "exp"}),
    "no jti": lambda claims: _sign({k: v for k, v in claims.items() if k != "jti"}),
    "type refresh": lambda claims: _sign(claims | {"token_type": "refresh"}),
    "no type": lambda claims: _sign({k: v for k, v in claims.items() if k != "token_type"}),
}


def test_signed_as_the_service_does_it_lets_in(access: str) -> None:
    assert bearer(_sign(_claims(access))).get(ME).status_code == 200


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_forgery_does_not_let_in(access: str, name: str) -> None:
    assert bearer(access).get(ME).status_code == 200
    response = bearer(FORGERIES[name](_claims(access))).get(ME)
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "X-Relogin-Required" not in response.headers


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_that_was_tampered_with_does_not_let_in(access: str, part: int) -> None:
    parts = access.split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    assert bearer(access).get(ME).status_code == 200
    assert bearer(".".join(parts)).get(ME).status_code == 401


def test_another_user_s_id_does_not_let_in(access: str, bob: User) -> None:
    header, _, signature = access.split(".")
    claims = _part(_claims(access) | {"user_id": str(bob.pk)})
    assert bearer(f"{header}.{claims}.{signature}").get(ME).status_code == 401


def test_every_token_names_its_key_itself_its_family_and_the_epoch(alice: User) -> None:
    tokens = issue_tokens(alice)
    claims = [_claims(token) for token in tokens.values()]
    assert len({claim["jti"] for claim in claims}) == 2
    assert len({claim["fam"] for claim in claims}) == 1
    assert {claim["epoch"] for claim in claims} == {0}
    kids = {jwt.get_unverified_header(token)["kid"] for token in tokens.values()}
    assert kids == {SigningKey.objects.get(is_primary=True).kid}


def test_clocks_may_differ_by_half_a_minute(access: str) -> None:
    with time_machine.travel(timezone.now() - timedelta(seconds=25)):
        assert bearer(access).get(ME).status_code == 200
