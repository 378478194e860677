import uuid

from django.db import models
from django.db.models.functions import Now


class OutboxEvent(models.Model):
    """A domain event that Kafka has not yet acknowledged; deleted when it has.

    Whoever publishes the event holds a lease on the row, first the request that wrote it and later
    a relay. A row whose lease has run out is up for whoever comes.
    """

    event_id = models.UUIDField(default=uuid.uuid4, editable=False)
    payload = models.JSONField(help_text="The Activity record, as it goes to Kafka.")
    created_at = models.DateTimeField(db_default=Now())
    published_to = models.PositiveBigIntegerField(
        default=0, help_text="Followers up to this id have their record; fan-out goes on above."
    )
    claimed_by = models.CharField(max_length=128, blank=True)
    claimed_until = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Of the request that caused the event."
    )

    class Meta:
        indexes = [models.Index(fields=["claimed_until"], name="outbox_claimed_until")]

    def __str__(self) -> str:
        return f"{self.payload['type']} {self.event_id}"


class DeadLetter(models.Model):
    """A record that could not be applied.

    Most are on Kafka, in `{topic}.DLT`, and have no row: one is saved only when Kafka refuses it.
    """

    topic = models.CharField(max_length=20, help_text="feed or activity")
    group = models.CharField(
        max_length=64,
        db_default="",
        help_text="The consumer that could not apply it; none if an older version kept it.",
    )
    origin_topic = models.CharField(max_length=249)
    origin_partition = models.PositiveIntegerField()
    origin_offset = models.PositiveBigIntegerField()
    value = models.BinaryField(help_text="The record, as it was.")
    error = models.CharField(max_length=500)
    attempts = models.PositiveIntegerField(help_text="How often it was tried to apply it.")
    created_at = models.DateTimeField()
    replayed_at = models.DateTimeField(null=True, help_text="When it was applied after all.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["origin_topic", "origin_partition", "origin_offset", "group"],
                name="dead_letter_origin_group",
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin_topic}[{self.origin_partition}]@{self.origin_offset}"
