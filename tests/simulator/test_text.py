"""Words follow what is true: a review its rating, a query its item, a letter its intent."""

from __future__ import annotations

import re

import numpy as np
import pytest

from footfall.simulator import text
from footfall.simulator.taxonomy import BRANDS, LEAVES

KETTLE = next(leaf for leaf in LEAVES if leaf.en == "kettle")
MINIMALIST = np.array([-2.0, 0.1, 1.0, 0.0, 0, 0, 0, 0])  # the negative end of the first style, then "modern"
CHINESE = re.compile("[\u4e00-\u9fff]")
GOOD = re.compile(r"Excellent|Love|Perfect|Best|Exceeded|非常好|太喜欢|完美|用过最好|超出预期")
BAD = re.compile(r"Terrible|Very disappointed|waste|regret|Awful|太差|非常失望|浪费|后悔|质量极差")


def test_titles_name_brand_style_noun_and_series() -> None:
    assert text.title(KETTLE, "Aldera", MINIMALIST, "K20", "en") == "Aldera Minimalist Kettle K20"
    assert text.title(KETTLE, "Aldera", MINIMALIST, "K20", "zh") == "Aldera 简约电热水壶 K20"


def test_descriptions_name_the_two_strongest_styles_and_praise_what_is_good() -> None:
    plain = text.description(KETTLE, "Aldera", MINIMALIST, 0.0, "en")
    assert plain == "A minimalist and modern kettle by Aldera."
    assert text.description(KETTLE, "Aldera", MINIMALIST, 1.5, "en").startswith(plain)
    assert text.description(KETTLE, "Aldera", MINIMALIST, 0.0, "zh") == "Aldera出品的电热水壶\uff0c简约新潮。"


@pytest.mark.parametrize(
    ("kind", "english", "chinese"),
    [
        (text.QUERY_NOUN, "kettle", "电热水壶"),
        (text.QUERY_BRAND_NOUN, "aldera kettle", "aldera 电热水壶"),
        (text.QUERY_STYLE_NOUN, "minimalist kettle", "简约电热水壶"),
        (text.QUERY_BRAND, "aldera", "aldera"),
        (text.QUERY_MISSPELT, "ketle", "电热水壶"),  # 6 letters: the fourth is missing
    ],
)
def test_queries(kind: int, english: str, chinese: str) -> None:
    assert text.query(kind, KETTLE, "Aldera", MINIMALIST, "en") == english
    assert text.query(kind, KETTLE, "Aldera", MINIMALIST, "zh") == chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_reviews_say_what_their_rating_says(language: str) -> None:
    for choice in range(200):
        best, worst = (text.review(rating, KETTLE, "Aldera", language, choice) for rating in (5, 1))
        assert GOOD.search(best)
        assert not BAD.search(best)
        assert BAD.search(worst)
        assert not GOOD.search(worst)
        assert bool(CHINESE.search(best)) == (language == "zh")
        assert "{" not in best


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("intent", range(len(text.INTENTS)))
def test_letters_of_different_intents_are_different(intent: int, language: str) -> None:
    own = {text.letter(intent, KETTLE, language, choice) for choice in range(60)}
    others = {
        text.letter(other, KETTLE, language, choice)
        for other in range(len(text.INTENTS))
        if other != intent
        for choice in range(60)
    }
    assert len(own) == 9  # three wordings, three greetings
    assert own.isdisjoint(others)


def test_words_of_the_shop_are_all_different() -> None:
    assert len(set(BRANDS)) == len(BRANDS) == 48
    for word in ("path", "en", "zh"):
        assert len({getattr(leaf, word) for leaf in LEAVES}) == len(LEAVES)
