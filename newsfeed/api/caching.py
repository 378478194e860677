"""What a browser or a proxy may keep: nothing, unless the answer says so itself.

RFC 6749, 5.1, and OWASP ASVS 4, 8.2.1. The exceptions: the feed's first page
(`newsfeed.api.etag`), openapi.yaml and static files.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def no_store_by_default(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer
