"""How deep the tests look that could look forever."""

import os

IS_DEEP = "TEST_DEEP" in os.environ


def deep(count: int) -> int:
    """This count in `make test-deep`, a tenth of it elsewhere."""
    return count if IS_DEEP else count // 10
