"""Log lines as structlog renders them, one JSON object or one line each, without secrets.

Modules log with the standard library and pass what is to stand in fields of its own as `extra`.
"""

import logging
import re
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor

FORMATS = ("json", "line")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MASK = "[scrubbed]"
NOT_OURS = {"message", "request"}
"""Left in records by other formatters, and by Django: the latter shows the query."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being served; empty elsewhere."""
address: ContextVar[str] = ContextVar("address", default="")
"""Of the client whose request that is."""

_NAMES = r"authorization|cookie|password|passwd|secret|token|csrf|sessionid|signing_key|api_key"
# A name and its value, as in headers, forms, JSON and Python; credentials in a URL; bare tokens.
_secret = re.compile(
    rf"""(?P<name>(?:{_NAMES})[\w-]*["']?\s*[:=]\s*)"""
    r"""(?:(?:Bearer|Basic)\s+)?(?:"[^"]*"|'[^']*'|[^\s,;&"'}]+)"""
    r"|(?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/=-]+"
    r"|(?P<url>://[^\s:/@]*:)[^\s/@]+(?=@)"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)
_telling = re.compile(_NAMES, re.IGNORECASE)


@lru_cache
def _tells(name: object) -> bool:
    return isinstance(name, str) and _telling.search(name) is not None


def scrub(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Masks the values of fields with telling names, and what looks like a secret in texts."""
    return {name: _scrubbed(name, event[name]) for name in event if name not in NOT_OURS}


def _scrubbed(name: object, value: Any) -> Any:
    if _tells(name):
        return MASK
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        return {inner: _scrubbed(inner, value[inner]) for inner in value}
    if isinstance(value, list | tuple):
        return [_scrubbed("", inner) for inner in value]
    return _secret.sub(_mask, str(value))


def _mask(match: re.Match[str]) -> str:
    return (match["name"] or match["scheme"] or match["url"] or "") + MASK


def _add_request(_logger: object, _method: str, event: EventDict) -> EventDict:
    for field in (request_id, address):
        if current := field.get():
            event.setdefault(field.name, current)
    return event


def _to_json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def formatter(form: str) -> logging.Formatter:
    """One JSON object a line, or a line for people. Of tracebacks the latter has several."""
    render: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
    if form == "line":
        render = structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, pad_level=False, sort_keys=False
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            _add_request,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            scrub,
            render,
        ],
    )


def config(*, form: str, level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": {"()": "newsfeed.logs.formatter", "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Of an outage kafka-python logs each attempt, ten a second; what comes of it, we log.
            "kafka": {"level": "CRITICAL"},
            # Refusals have their line already, that of the request.
            "django.request": {"level": "ERROR"},
            "gunicorn.error": {"handlers": [], "propagate": True},
        },
    }
