"""Which tests decide whether a change of a module is seen: the cheap ones first."""

EVENTS, FEEDS, API = "newsfeed/events/tests", "feeds/tests", "newsfeed/tests"
FEED = (f"{FEEDS}/test_feed.py", f"{FEEDS}/test_rebuild.py", f"{FEEDS}/test_newest_ids.py")
SESSIONS = tuple(
    f"accounts/tests/test_{name}.py"
    for name in ("sessions", "refresh", "logout", "logout_all", "authentication")
)
LIMITS = (
    f"{API}/test_limits.py",
    f"{API}/test_requests.py",
    "accounts/tests/test_login_limits.py",
    "accounts/tests/test_authentication.py",
)

TESTS: dict[str, tuple[str, ...]] = {
    "feeds/store.py": (
        f"{FEEDS}/test_store.py",
        f"{FEEDS}/test_store_outage.py",
        f"{FEEDS}/test_verify_feeds.py",
        f"{FEEDS}/test_foreign_keys.py",
        f"{FEEDS}/test_cluster.py",
    ),
    "newsfeed/events/relay.py": (
        f"{FEEDS}/test_fanout.py",
        f"{FEEDS}/test_missing_topics.py",
        f"{FEEDS}/test_kafka_outage.py",
    ),
    "feeds/selectors.py": (*FEED, f"{FEEDS}/test_verify_feeds.py"),
    "discovery/selectors.py": ("discovery/tests",),
    "feeds/services.py": (*FEED, f"{FEEDS}/test_feed_costs.py", f"{FEEDS}/test_store_outage.py"),
    "feeds/consumers.py": (f"{FEEDS}/test_consumers.py",),
    "feeds/settling.py": (f"{FEEDS}/test_settling.py", f"{FEEDS}/test_consumers.py"),
    "accounts/erasure.py": (
        "tests/apps/test_erasure.py",
        "tests/apps/test_erasure_marker.py",
        "tests/apps/test_erasure_of_each_kind.py",
        f"{FEEDS}/test_erase_deleted.py",
    ),
    "accounts/export.py": ("tests/apps/test_export.py",),
    "feeds/fanout.py": (f"{FEEDS}/test_fanout.py",),
    "newsfeed/events/recording.py": (f"{EVENTS}/test_outbox.py", f"{FEEDS}/test_signals.py"),
    "feeds/signals.py": (f"{FEEDS}/test_signals.py", "tests/apps/test_audit_log.py"),
    "feeds/verification.py": (f"{FEEDS}/test_verify_feeds.py",),
    "follows/services.py": ("follows/tests", "tests/apps/test_erasure.py"),
    "follows/selectors.py": (
        "follows/tests",
        "tests/apps/test_export.py",
        *FEED,
        f"{FEEDS}/test_why.py",
        f"{FEEDS}/test_fanout.py",
    ),
    "posts/services.py": (
        "posts/tests",
        "moderation/tests/test_moderate.py",
        f"{FEEDS}/test_erase_deleted.py",
        "tests/apps/test_erasure.py",
    ),
    "posts/selectors.py": (
        "posts/tests",
        *FEED,
        "tests/apps/test_erasure.py",
        f"{FEEDS}/test_settling.py",
    ),
    "newsfeed/mysql/keyset.py": (f"{API}/test_keyset.py",),
    "newsfeed/api/answers.py": (f"{API}/test_idempotency_key.py",),
    "follows/views.py": ("follows/tests",),
    "posts/views.py": ("posts/tests", f"{API}/test_idempotency_key.py"),
    "feeds/views.py": (
        f"{FEEDS}/test_feed.py",
        "tests/apps/test_export.py",
        f"{FEEDS}/test_why.py",
    ),
    "feeds/explanation.py": (f"{FEEDS}/test_why.py",),
    "accounts/session_cache.py": SESSIONS,
    "accounts/sessions.py": SESSIONS,
    "accounts/revocation.py": (
        *SESSIONS,
        "accounts/tests/test_password.py",
        "accounts/tests/test_admin.py",
    ),
    "newsfeed/events/outbox.py": (f"{EVENTS}/test_outbox.py", f"{FEEDS}/test_fanout.py"),
    "newsfeed/events/consumer.py": (
        f"{EVENTS}/test_consumer.py",
        f"{EVENTS}/test_consumer_topics.py",
        f"{EVENTS}/test_stall.py",
        f"{FEEDS}/test_replay_dead_letters.py",
    ),
    "newsfeed/events/failures.py": (f"{EVENTS}/test_failures.py", f"{FEEDS}/test_consumers.py"),
    "newsfeed/kafka/readers.py": (f"{EVENTS}/test_read_once.py", f"{EVENTS}/test_consumer.py"),
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
    "newsfeed/api/limits.py": LIMITS,
    "newsfeed/api/throttles.py": LIMITS,
    "newsfeed/api/state.py": LIMITS,
    "newsfeed/api/addresses.py": (f"{API}/test_addresses.py", f"{API}/test_limits.py"),
    "newsfeed/api/caching.py": (f"{API}/test_caching.py",),
    "newsfeed/api/fields.py": (
        f"{API}/test_input.py",
        f"{API}/test_schema.py",
        "posts/tests",
        "accounts/tests/test_signup.py",
    ),
    "newsfeed/api/json.py": (
        f"{API}/test_input.py",
        f"{API}/test_errors.py",
        f"{API}/test_odd_requests.py",
        "posts/tests",
    ),
    "newsfeed/api/requests.py": (f"{API}/test_requests.py", f"{API}/test_limits.py"),
    "newsfeed/api/schema.py": (f"{API}/test_schema.py", f"{API}/test_docs.py"),
    "newsfeed/api/serializers.py": (f"{API}/test_input.py", "posts/tests"),
    "newsfeed/events/event.py": (f"{EVENTS}/test_wire.py", f"{EVENTS}/test_outbox.py"),
    "newsfeed/events/registry.py": (f"{EVENTS}/test_wire.py", f"{EVENTS}/test_outbox.py"),
    "newsfeed/events/tracing.py": (
        f"{API}/test_requests.py",
        f"{EVENTS}/test_consumer.py",
        f"{FEEDS}/test_fanout.py",
    ),
    "newsfeed/api/paging.py": (
        f"{API}/test_paging.py",
        f"{FEEDS}/test_feed.py",
        "posts/tests/test_user_posts.py",
        "follows/tests",
    ),
    "newsfeed/api/idempotency.py": (f"{API}/test_idempotency_key.py",),
    "newsfeed/api/errors.py": (f"{API}/test_errors.py", f"{API}/test_odd_requests.py"),
    "newsfeed/api/etag.py": (f"{FEEDS}/test_feed_etag.py",),
}
