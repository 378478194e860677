import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from newsfeed.api.paging import MAX_ID, PageRequest, page_response, parse_page


def _request(query: str = "") -> Request:
    return Request(APIRequestFactory().get(f"/api/v1/things/{query}"))


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", PageRequest(before=None, limit=20)),
        ("?limit=1", PageRequest(limit=1)),
        ("?limit=100&cursor=7", PageRequest(before=7, limit=100)),
        ("?cursor=", PageRequest()),
        (f"?cursor={MAX_ID}", PageRequest(before=MAX_ID)),
    ],
)
def test_a_page_is_parsed(query: str, page: PageRequest) -> None:
    assert parse_page(_request(query)) == page


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "1_0", "٣", "+1", "9" * 5000])
def test_a_bad_limit_is_refused_by_name(limit: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        parse_page(_request(f"?limit={limit}"))
    assert isinstance(refusal.value.detail, dict)
    assert set(refusal.value.detail) == {"limit"}


@pytest.mark.parametrize(
    "cursor",
    ["0", "-1", "01", "1.0", "x", "1_0", "٣", "%00", "%F0%9F%98%80", str(MAX_ID + 1), "9" * 5000],
)
def test_a_bad_cursor_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        parse_page(_request(f"?cursor={cursor}"))
    assert isinstance(refusal.value.detail, dict)
    assert set(refusal.value.detail) == {"cursor"}


def test_the_next_page_keeps_the_other_parameters() -> None:
    response = page_response(_request("?limit=2&q=%EA%B0%80&cursor=9"), ["a", "b"], 7)
    assert response.data == {
        "results": ["a", "b"],
        "next": "http://testserver/api/v1/things/?limit=2&q=%EA%B0%80&cursor=7",
    }


def test_the_last_page_has_no_next() -> None:
    assert page_response(_request(), [], None).data == {"results": [], "next": None}
