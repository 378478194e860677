from collections.abc import Iterator

from accounts.data_registry import erases, exports
from moderation.models import Report
from moderation.serializers import ReportSerializer
from moderation.services import erase_reasons_of, take_from_queue
from newsfeed.mysql.keyset import in_key_order


@exports(
    "reports",
    ReportSerializer,
    example={
        "post_id": 42,
        "reason": "This is an advertisement.",
        "created_at": "2026-11-21T09:30:00Z",
    },
)
def reports(user_id: int, size: int) -> Iterator[list[Report]]:
    return in_key_order(Report.objects.filter(reporter=user_id), size)


@erases
def erase_reasons(user_id: int, limit: int) -> int:
    return erase_reasons_of(user_id, limit=limit)


@erases
def erase_from_queue(user_id: int, limit: int) -> int:
    return take_from_queue(user_id, limit=limit)
