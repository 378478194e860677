"""What the apps keep of a user. Each registers in its `personal_data.py` what is told and erased.

    @exports("comments", ExportedCommentSerializer, example={...})
    def comments(user_id: int, size: int) -> Iterator[list[Comment]]: ...

    @erases
    def erase_comments(user_id: int, limit: int) -> int: ...

Both go in the order of `settings.APPS`, so what an app erases may rely on the apps below it.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from rest_framework.serializers import BaseSerializer

Pages = Callable[[int, int], Iterable[list[Any]]]
"""Of a user id and a size: a list of the export, in pages of up to that number of rows."""
Step = Callable[[int, int], int]
"""Of a user id and a limit: erases about that number of rows. Returns how many; 0: none is left."""
LastStep = Callable[[int], object]


class Section(NamedTuple):
    """A list of the export."""

    name: str
    serializer: type[BaseSerializer[Any]]
    example: dict[str, Any]
    pages: Pages


sections: list[Section] = []
steps: list[Step] = []
last_steps: list[LastStep] = []


def exports(
    name: str, serializer: type[BaseSerializer[Any]], *, example: dict[str, Any]
) -> Callable[[Pages], Pages]:
    def register(pages: Pages) -> Pages:
        sections.append(Section(name, serializer, example, pages))
        return pages

    return register


def erases(step: Step) -> Step:
    steps.append(step)
    return step


def erases_at_the_end(step: LastStep) -> LastStep:
    """For what costs much at each call: it runs once, when all steps have nothing left."""
    last_steps.append(step)
    return step
