from moderation.models import Report


def reports_by(user_id: int, *, after: int, limit: int) -> list[Report]:
    """The next reports that a user has made above the id `after`, lowest first."""
    return list(Report.objects.filter(reporter=user_id, pk__gt=after).order_by("pk")[:limit])
