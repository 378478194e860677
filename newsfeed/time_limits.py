"""How long this service waits for others, and relies on what they said. In seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeLimits:
    redis_request: float = 0.25
    """A request goes on without Redis rather than wait longer."""
    redis_worker: float = 5.0
    """A worker has nothing else to do."""

    database_request: int = 4
    """For one answer. A server that hangs must not hold a request's thread."""
    replica_request: int = 1
    database_worker: int = 10
    """A connection that died without a word would be waited for without end."""

    kafka_metadata: float = 0.15
    """For the metadata of a record's topic. Requests send inline."""
    kafka_delivery: int = 10
    kafka_stuck: float = 15.0
    """By then every record is acknowledged or failed, if the sender still works at all."""
    kafka_connect: float = 2.0
    kafka_ping: float = 0.5

    client_request: float = 20.0
    """For a whole request, from its first byte, or from the beginning of the connection."""
    client_answer: float = 60.0
    """For a thread's work on a request, and then again for sending the rest of the answer."""
    client_close: float = 2.0
    """For the client to close first, or it might lose the end of its answer: RFC 9112, 9.6."""

    password_turn: float = 2.0
    """Longer than the hashes before it take, also those of PBKDF2."""
    session_lease: float = 1.0
    """Sessions in Redis are trusted so long after Redis was seen to know of every revocation."""
    signing_keys: float = 30.0
    """Until a process reads the keys again."""
    unknown_keys: float = 1.0
    """Until a process asks MySQL again for a key that is not there: a flood of tokens with random
    kids costs it one query in this time."""
