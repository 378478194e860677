"""When so much goes wrong that it is not the records: a bad deploy, of ours or of a producer.

Then a consumer that goes on would put everything aside, so it stops instead. The rule is that of
arroyo's `DlqLimit` (getsentry/arroyo): a number in a row, or a share.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from newsfeed.exceptions import CannotGoOn

MAX_IN_A_ROW = 100
MAX_SHARE = 0.2
MIN_RECORDS = 500
"""Of fewer within the minute no share is taken: it too wants a hundred dead letters."""
SECONDS = 60


class TooManyDeadLetters(CannotGoOn):
    def __init__(self, how_many: str) -> None:
        super().__init__(f"{how_many}; this batch is not committed")


class DeadLetterLimit(NamedTuple):
    """How many records died lately. Immutable: a batch that is not committed leaves no trace."""

    in_a_row: int = 0
    by_second: Mapping[int, tuple[int, int]] = MappingProxyType({})
    """{second: (records, dead letters)} of the last minute."""

    def plus(self, died: Sequence[bool]) -> "DeadLetterLimit":
        """With a batch, record by record. Raises TooManyDeadLetters."""
        now = int(time.monotonic())
        recent = {s: counts for s, counts in self.by_second.items() if s > now - SECONDS}
        records, dead = recent.get(now, (0, 0))
        recent[now] = (records + len(died), dead + sum(died))
        return DeadLetterLimit(self._row_after(died), _checked(recent))

    def _row_after(self, died: Sequence[bool]) -> int:
        row = self.in_a_row
        for is_dead, run in groupby(died):
            row = row + len(list(run)) if is_dead else 0
            if row > MAX_IN_A_ROW:
                raise TooManyDeadLetters(f"more than {MAX_IN_A_ROW} dead letters in a row")
        return row


def _checked(recent: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    records, dead = map(sum, zip(*recent.values(), strict=True))
    if records >= MIN_RECORDS and dead > MAX_SHARE * records:
        raise TooManyDeadLetters(f"{dead} of the last minute's {records} records are dead letters")
    return recent
