from django.http import HttpRequest, JsonResponse
from django.urls import path


def sample(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


urlpatterns = [path("sample/", sample, name="sample")]
