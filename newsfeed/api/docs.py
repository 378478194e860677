"""Serves openapi.yaml as it stands in the repository, and a page that shows it."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from newsfeed.api.errors import get_only

# Not made for each request: that takes a second, and lint holds the file to the code.
OPENAPI = (Path(__file__).parents[2] / "openapi.yaml").read_bytes()
ETAG = f'"{blake2b(OPENAPI, digest_size=12).hexdigest()}"'


@get_only
@condition(etag_func=lambda _: ETAG)
def schema(request: HttpRequest) -> HttpResponse:
    headers = {"Cache-Control": "no-cache"}  # to be kept, and asked for with its ETag
    return HttpResponse(OPENAPI, content_type="application/yaml", headers=headers)


class AlwaysTheSame(BaseContentNegotiation):
    """A refusal in this view's only format would be no problem+json."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


# The script comes by a request of its own, as the Content-Security-Policy allows none in the page.
page = get_only(
    SpectacularSwaggerSplitView.as_view(
        url_name="schema", content_negotiation_class=AlwaysTheSame, throttle_classes=[]
    )
)
