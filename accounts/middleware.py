from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def token_refresh_needed(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Asks a client to refresh in time: its token's key will be refused some day."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if getattr(request, "has_old_token", False):
            response.headers["X-Token-Refresh-Needed"] = "true"
        return response

    return answer
