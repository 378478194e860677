"""The service's MySQL, seen from outside: bulk data in, the truth about feeds out.

Plain SQL, so that a mistake in the project's queries is not repeated here.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any
from uuid import uuid4

import MySQLdb
from environ import Env

USER = """
    INSERT INTO users (username, password, display_name, email,
                       is_superuser, is_staff, is_active, date_joined)
    VALUES (%s, '!', '', '', 0, 0, 1, UTC_TIMESTAMP(6))
"""
FOLLOW = """
    INSERT INTO follows (follower_id, followee_id, created_at) VALUES (%s, %s, UTC_TIMESTAMP(6))
"""
POST = """
    INSERT INTO posts (user_id, content, created_at) VALUES (%s, %s, UTC_TIMESTAMP(6))
"""
FEEDS = """
    SELECT follows.follower_id, posts.id
    FROM follows
    JOIN posts ON posts.user_id = follows.followee_id
    JOIN users ON users.id = follows.followee_id
    WHERE follows.follower_id IN %s AND users.is_active
        AND posts.deleted_at IS NULL AND posts.hidden_at IS NULL
    ORDER BY posts.id DESC
"""
SIGNING_KEY = """
    INSERT IGNORE INTO auth_signing_keys (kid, seed, is_primary, created_at)
    VALUES (%s, %s, 1, UTC_TIMESTAMP(6))
"""
ROWS_PER_INSERT = 10_000


class Database:
    def __init__(self, url: str) -> None:
        """Makes the database if the server does not have it."""
        server = Env.db_url_config(url)
        self._server: dict[str, Any] = {
            "host": server["HOST"],
            "port": int(server["PORT"] or 3306),
            "user": server["USER"],
            "password": server["PASSWORD"],
            "charset": "utf8mb4",
            "autocommit": True,
        }
        name = server["NAME"]
        with closing(MySQLdb.connect(**self._server)) as connection:
            connection.query(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
        self._server["database"] = name

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        # A connection of its own for each statement: threads may ask at the same time.
        with closing(MySQLdb.connect(**self._server)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def add_users(self, count: int) -> list[int]:
        """The new users' ids, ascending. Nobody knows their password."""
        run = uuid4().hex[:12]
        self._insert(USER, [(f"{run}_{number}",) for number in range(count)])
        found = self.rows("SELECT id FROM users WHERE username LIKE %s ORDER BY id", f"{run}\\_%")
        return [id_ for (id_,) in found]

    def signing_key(self) -> tuple[str, bytes]:
        """The primary key's kid and seed. The service makes it with its first log-in, if not we."""
        self._insert(SIGNING_KEY, [(uuid4().hex, os.urandom(32))])
        ((kid, seed),) = self.rows("SELECT kid, seed FROM auth_signing_keys WHERE is_primary")
        return kid, seed

    def add_follows(self, edges: Iterable[tuple[int, int]]) -> None:
        """Edges are (follower, followee)."""
        self._insert(FOLLOW, list(edges))

    def add_posts(self, posts: Iterable[tuple[int, str]]) -> None:
        """Posts are (author, content). Nothing is published of them."""
        self._insert(POST, list(posts))

    def feed_of(self, user_id: int) -> list[int]:
        """The truth, newest first."""
        return self.feeds_of([user_id])[user_id]

    def feeds_of(self, user_ids: Sequence[int]) -> dict[int, list[int]]:
        feeds: dict[int, list[int]] = {user_id: [] for user_id in user_ids}
        for user_id, post_id in self.rows(FEEDS, user_ids) if feeds else ():
            feeds[user_id].append(post_id)
        return feeds

    def outbox_length(self) -> int:
        return int(self.rows("SELECT COUNT(*) FROM events_outboxevent")[0][0])

    def _insert(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with closing(MySQLdb.connect(**self._server)) as connection:
            for start in range(0, len(rows), ROWS_PER_INSERT):
                connection.cursor().executemany(sql, rows[start : start + ROWS_PER_INSERT])
