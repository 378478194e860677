"""Sentences for the demo data, Korean and English, put together at random."""

from random import Random

OPENINGS = (
    "오늘 아침에",
    "퇴근길에",
    "주말 내내",
    "비 오는 날에",
    "드디어 어제",
    "This morning",
    "On the way home",
    "All weekend",
    "While it rained",
    "At long last",
)
KOREAN = (
    "한강을 따라 달렸다",
    "새 커피 원두를 볶았다",
    "피드가 멈추지 않는다",
    "고양이가 키보드를 점령했다",
    "배포가 한 번에 끝났다",
    "김치찌개를 끓였다",
    "책 한 권을 다 읽었다",
)
ENGLISH = (
    "we shipped the new feed",
    "the cat took the keyboard",
    "I ran ten kilometres",
    "the tests were green at once",
    "somebody fixed the coffee machine",
    "I finished a good book",
)
ENDINGS = ("!", ".", " 🎉", " ☕", " 🐈", " — finally.", " ㅎㅎ", " 👍🏽")


def make_text(dice: Random) -> str:
    """One or two sentences.

    >>> make_text(Random(1))
    '퇴근길에 somebody fixed the coffee machine. All weekend the tests were green at once 👍🏽'
    """
    sentences = dice.randint(1, 2)
    return " ".join(
        f"{dice.choice(OPENINGS)} {dice.choice(KOREAN + ENGLISH)}{dice.choice(ENDINGS)}"
        for _ in range(sentences)
    )
