"""Whom schemathesis asks as, and about what: ids at random would be nobody's."""

import json
import os
import re
from itertools import count
from pathlib import Path
from typing import Any

import schemathesis
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from schemathesis import AuthContext, Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

from tests.api.world import World

WORLD = World(**json.loads(Path(os.environ["NEWSFEED_TEST_WORLD"]).read_text()))
ENDS_SESSIONS = {"log_out", "log_out_everywhere", "change_password"}
ENDS_SESSIONS |= {"delete_me", "delete_me_by_post"}
# What hangs on more than the request, so that no schema can tell it: the only refusals of valid
# data that are no failure. Each by its status, and by the fields that a 400 may name.
REFUSED = {
    # A password may be a common one, all digits, or like the name; a name may be reserved.
    "sign_up": (400, {"password", "username"}),
    # So may a new one, and the old one may be another.
    "change_password": (400, {"current_password", "new_password"}),
    "delete_me": (400, {"password"}),
    "delete_me_by_post": (400, {"password"}),
    # Nobody follows himself.
    "follow_user": (400, {"followee_id"}),
    # Nobody reports his own post.
    "report_post": (400, {"post_id"}),
}
# And these, on texts that only a list of Unicode's categories could tell from others.
REFUSED_TEXT = re.compile(r"This field may not be blank\.|The character U\+(0[1-9A-F]|[1-9A-F]).*")
LONGEST = {"display_name": 50, "reason": 500, "content": 5000}
_replayed: set[int] = set()
"""Posts that a POST has answered a second time, so that they may be deleted by then."""
_turn = count()
MAY_BE_BUSY = 10
"""Answers that MySQL was too slow, as openapi.yaml says it may be; of all that one run gets."""
_busy = count(1)


_send = HTTPAdapter.send
_sent = count()


def _some_in_chunks(self: HTTPAdapter, request: PreparedRequest, *args: Any, **kwargs: Any) -> Any:
    """Every third body, as clients send it that do not know its length."""
    if request.body and next(_sent) % 3 == 0:
        request.headers.pop("Content-Length", None)
        request.headers["Transfer-Encoding"] = "chunked"
    return _send(self, request, *args, **kwargs)


HTTPAdapter.send = _some_in_chunks  # type: ignore[method-assign]


@schemathesis.auth(refresh_interval=None)
class Session:
    def get(self, case: Case[Any], context: AuthContext) -> str:
        operation = _id(case)
        if operation in ENDS_SESSIONS:
            return WORLD.others[next(_turn) % len(WORLD.others)]
        return WORLD.staff if operation == "explain_feed" else WORLD.alice

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Every other id is one that exists."""
    for name, ids in (("user_id", WORLD.user_ids), ("post_id", WORLD.post_ids)):
        value = (path_parameters or {}).get(name)
        if type(value) is int and value > 0 and value % 2:
            path_parameters[name] = ids[value // 2 % len(ids)]
    return path_parameters


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    if isinstance(failure, ServerError) and response.status_code == 503:
        return next(_busy) > MAY_BE_BUSY
    if isinstance(failure, EnsureResourceAvailability):
        return case.path_parameters.get("post_id") not in _replayed
    if isinstance(failure, AcceptedNegativeData):
        return not _fits_without_white_space(case.body)
    if not isinstance(failure, RejectedPositiveData):
        return True
    if response.status_code == 422:
        # The key has come before, with another request.
        return "Idempotency-Key" not in response.text
    status, fields = REFUSED.get(_id(case), (0, set()))
    errors = response.json().get("errors", [])
    others = {one["field"] for one in errors if not REFUSED_TEXT.fullmatch(one["message"])}
    expected = {status, 400} if errors else {status}
    return response.status_code not in expected or others - fields != set()


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    if "idempotency-replayed" in response.headers:
        _replayed.add(response.json()["id"])


def _fits_without_white_space(body: object) -> bool:
    """What is trimmed, and the first half of a line's end, does not count."""
    given = body if isinstance(body, dict) else {}
    texts = [(given.get(name), most) for name, most in LONGEST.items()]
    return any(
        isinstance(text, str) and len(text) > most >= len(text.strip().replace("\r\n", "\n"))
        for text, most in texts
    )


def _id(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])
