"""What Prometheus hears of requests."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django_prometheus.middleware import PrometheusAfterMiddleware


class BoundedMetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc]
    """Of methods that nobody knows there is one label: each new one would stay for ever."""

    def label_metric(
        self, metric: Any, request: HttpRequest, response: HttpResponse | None = None, **labels: str
    ) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
