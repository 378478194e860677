from typing import NamedTuple


class World(NamedTuple):
    """Whom and what the requests of schemathesis meet."""

    alice: str
    """Her access token; the others' are of no use for more than one request that ends sessions."""
    staff: str
    others: list[str]
    user_ids: list[int]
    post_ids: list[int]
