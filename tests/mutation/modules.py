"""Which tests decide whether a change of a module is seen: the cheap ones first."""

EVENTS, FEEDS, API = "newsfeed/events/tests", "feeds/tests", "newsfeed/tests"
FEED = (f"{FEEDS}/test_feed.py", f"{FEEDS}/test_rebuild.py", f"{FEEDS}/test_newest_ids.py")
SESSIONS = tuple(
    f"accounts/tests/test_{name}.py"
    for name in ("sessions", "refresh", "logout", "logout_all", "authentication")
)

TESTS: dict[str, tuple[str, ...]] = {
    "feeds/store.py": (f"{FEEDS}/test_store.py", f"{FEEDS}/test_store_outage.py"),
    "feeds/fanout.py": (
        f"{FEEDS}/test_fanout.py",
        f"{FEEDS}/test_missing_topics.py",
        f"{FEEDS}/test_kafka_outage.py",
    ),
    "feeds/services.py": (*FEED, f"{FEEDS}/test_store_outage.py"),
    "feeds/handlers.py": (f"{FEEDS}/test_handlers.py",),
    "feeds/settling.py": (f"{FEEDS}/test_settling.py", f"{FEEDS}/test_handlers.py"),
    "feeds/erasure.py": (f"{FEEDS}/test_erasure.py",),
    "feeds/export.py": (f"{FEEDS}/test_export.py",),
    "feeds/signals.py": (f"{FEEDS}/test_signals.py", f"{FEEDS}/test_audit_log.py"),
    "feeds/verification.py": (f"{FEEDS}/test_verify_feeds.py",),
    "follows/services.py": ("follows/tests", f"{FEEDS}/test_erasure.py"),
    "follows/selectors.py": ("follows/tests", f"{FEEDS}/test_export.py", *FEED),
    "posts/services.py": ("posts/tests", "moderation/tests/test_moderate.py"),
    "posts/selectors.py": ("posts/tests", *FEED, f"{FEEDS}/test_erasure.py"),
    "newsfeed/api/answers.py": (f"{API}/test_idempotency_key.py",),
    "accounts/sessions.py": SESSIONS,
    "accounts/revocation.py": SESSIONS,
    "newsfeed/events/outbox.py": (f"{EVENTS}/test_outbox.py", f"{FEEDS}/test_fanout.py"),
    "newsfeed/events/consumer.py": (
        f"{EVENTS}/test_consumer.py",
        f"{EVENTS}/test_consumer_topics.py",
        f"{EVENTS}/test_stall.py",
        f"{EVENTS}/test_read_once.py",
        f"{FEEDS}/test_replay_dead_letters.py",
    ),
    "newsfeed/events/failures.py": (f"{EVENTS}/test_failures.py",),
    "newsfeed/kafka/producer.py": (f"{EVENTS}/test_producer.py",),
    "newsfeed/kafka/in_flight.py": (f"{EVENTS}/test_in_flight.py", f"{EVENTS}/test_producer.py"),
    "newsfeed/events/tally.py": (f"{EVENTS}/test_tally.py",),
    "newsfeed/events/stall.py": (f"{EVENTS}/test_stall.py",),
    "newsfeed/kafka/topics.py": (f"{EVENTS}/test_topics.py",),
    "newsfeed/kafka/topic_admin.py": (
        f"{EVENTS}/test_topic_admin.py",
        f"{FEEDS}/test_topics_command.py",
    ),
    "newsfeed/kafka/pruning.py": (f"{FEEDS}/test_topics_command.py",),
    "newsfeed/events/dead_letters.py": (
        f"{EVENTS}/test_dead_letters.py",
        f"{FEEDS}/test_replay_dead_letters.py",
    ),
    "newsfeed/events/replay.py": (f"{FEEDS}/test_replay_dead_letters.py",),
    "newsfeed/events/reprocessing.py": (f"{FEEDS}/test_reprocess.py",),
    "newsfeed/api/limits.py": (f"{API}/test_limits.py",),
    "newsfeed/api/throttles.py": (f"{API}/test_limits.py", f"{API}/test_requests.py"),
    "newsfeed/api/paging.py": (f"{API}/test_paging.py", f"{FEEDS}/test_feed.py"),
    "newsfeed/api/idempotency.py": (f"{API}/test_idempotency_key.py",),
    "newsfeed/api/errors.py": (f"{API}/test_errors.py", f"{API}/test_odd_requests.py"),
    "newsfeed/api/etag.py": (f"{FEEDS}/test_feed_etag.py",),
}
