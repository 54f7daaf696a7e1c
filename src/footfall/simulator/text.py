"""Words of the shop, in English (``en``) and Chinese (``zh``): titles, queries, reviews, letters to support.

Every function is a plain choice by numbers: the same arguments give the same words. What is said follows what is true
(a review its rating, a title the item's style, a letter its intent); nothing here draws at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.simulator.taxonomy import STYLES, Leaf

INTENTS: Final = (
    "where_is_my_order",
    "refund_request",
    "damaged_item",
    "wrong_item",
    "payment_problem",
    "change_address",
    "product_question",
)
"""What a letter to support is about; the code of an intent is its place here."""

QUERY_NOUN, QUERY_BRAND_NOUN, QUERY_STYLE_NOUN, QUERY_BRAND, QUERY_MISSPELT = range(1, 6)
"""Kinds of search words, by what they name of the item that is looked for."""


_FULL_WIDTH: Final = str.maketrans({",": "\uff0c", "?": "\uff1f", "!": "\uff01"})
"""Chinese has its own comma, question mark and exclamation mark; here they are typed as the plain ones."""


def style_words(vector: npt.NDArray[np.float64], language: str, count: int) -> list[str]:
    """Return the words for the strongest styles of an item.

    Args:
        vector: float [TASTE_DIMS], the item's vector; the first entries are styles.
        language: ``en`` or ``zh``.
        count: How many words.
    """
    strongest = np.argsort(-np.abs(vector[: len(STYLES)]), kind="stable")[:count]
    return [STYLES[d][int(vector[d] > 0)][int(language == "zh")] for d in strongest]


def title(leaf: Leaf, brand: str, vector: npt.NDArray[np.float64], series: str, language: str) -> str:
    """Write an item's name: brand, strongest style, noun and series."""
    style = style_words(vector, language, 1)[0]
    if language == "zh":
        return f"{brand} {style}{leaf.zh} {series}"
    return f"{brand} {style.capitalize()} {leaf.en.title()} {series}"


def description(leaf: Leaf, brand: str, vector: npt.NDArray[np.float64], quality: float, language: str) -> str:
    """Write one or two sentences about an item: its two strongest styles, and its making where it is a good one."""
    first, second = style_words(vector, language, 2)
    if language == "zh":
        praise = ",用料扎实,做工精细。" if quality > 0.8 else "。"
        return f"{brand}出品的{leaf.zh},{first}{second}{praise}".translate(_FULL_WIDTH)
    praise = " Carefully made from fine materials." if quality > 0.8 else ""
    return f"A {first} and {second} {leaf.en} by {brand}.{praise}"


def query(kind: int, leaf: Leaf, brand: str, vector: npt.NDArray[np.float64], language: str) -> str:
    """Write what somebody types who looks for an item.

    Args:
        kind: One of the ``QUERY_*`` kinds.
        leaf: The item's category.
        brand: Its brand.
        vector: float [TASTE_DIMS], its vector.
        language: ``en`` or ``zh``: the searcher's.
    """
    noun = leaf.zh if language == "zh" else leaf.en
    gap = "" if language == "zh" else " "
    if kind == QUERY_BRAND_NOUN:
        return f"{brand.lower()} {noun}"
    if kind == QUERY_STYLE_NOUN:
        return style_words(vector, language, 1)[0] + gap + noun
    if kind == QUERY_BRAND:
        return brand.lower()
    if kind == QUERY_MISSPELT and language == "en":
        middle = len(noun) // 2
        return noun[:middle] + noun[middle + 1 :]
    return noun


_OPENING: Final = {
    "en": (
        ("Terrible.", "Very disappointed.", "A waste of money.", "I regret buying this.", "Awful, avoid it."),
        ("Not great.", "I expected more.", "Below average.", "Rather disappointing.", "Would not buy again."),
        ("It is okay.", "Average.", "Does the job, no more.", "Mixed feelings.", "Neither good nor bad."),
        ("Good.", "Quite happy with it.", "A solid choice.", "Works well.", "Nice, small flaws."),
        ("Excellent!", "Love it!", "Perfect.", "Best I have ever had.", "Exceeded my expectations!"),
    ),
    "zh": (
        ("太差了。", "非常失望。", "浪费钱。", "后悔买了。", "质量极差,千万别买。"),
        ("不太好。", "没有想象中好。", "一般偏差。", "有点失望。", "不会再买了。"),
        ("还行吧。", "一般般。", "勉强能用。", "有好有坏。", "中规中矩。"),
        ("不错。", "挺满意的。", "值得购买。", "用着挺好。", "总体很好,小有瑕疵。"),
        ("非常好!", "太喜欢了!", "完美。", "用过最好的。", "超出预期,强烈推荐!"),
    ),
}
_ASPECT: Final = {
    "en": (
        ("The {noun} broke after two days.", "The {noun} looks nothing like the picture.", "The {noun} smells bad."),
        ("The {noun} feels cheap.", "The finish of the {noun} is poor.", "The {noun} is not worth its price."),
        ("The {noun} is as described.", "The {noun} is fine for the price.", "The {noun} is plain, but usable."),
        ("The {noun} feels well made.", "The {noun} looks good.", "The {noun} is good value."),
        ("The {noun} is beautifully made.", "The {noun} is worth every cent.", "Everybody asks about my {noun}."),
    ),
    "zh": (
        ("{noun}用了两天就坏了。", "{noun}和图片完全不一样。", "{noun}味道很难闻。"),
        ("{noun}感觉很廉价。", "{noun}做工粗糙。", "{noun}不值这个价。"),
        ("{noun}和描述一致。", "这个价位的{noun}还可以。", "{noun}普普通通,能用。"),
        ("{noun}做工不错。", "{noun}外观好看。", "{noun}性价比高。"),
        ("{noun}做工精美。", "{noun}物超所值。", "朋友都问我{noun}在哪买的。"),
    ),
}
_CLOSING: Final = {
    "en": (
        ("Sending it back.", "Never again.", ""),
        ("Delivery was slow, too.", "Look elsewhere.", ""),
        ("Delivery was on time.", "We will see how long it lasts.", ""),
        ("Fast delivery.", "Would recommend.", ""),
        ("Will buy again!", "Five stars.", ""),
    ),
    "zh": (
        ("已申请退货。", "再也不买了。", ""),
        ("物流也慢。", "建议看看别家。", ""),
        ("物流正常。", "耐用性还要再看。", ""),
        ("物流很快。", "推荐。", ""),
        ("还会回购!", "五星好评!", ""),
    ),
}


def review(rating: int, leaf: Leaf, brand: str, language: str, choice: int) -> str:
    """Write a review that says what its rating says.

    Args:
        rating: 1 to 5.
        leaf: The item's category.
        brand: The item's brand.
        language: ``en`` or ``zh``: the reviewer's.
        choice: Any whole number >= 0; picks among the wordings.
    """
    noun = leaf.zh if language == "zh" else leaf.en
    if choice % 4 == 0:
        noun = f"{brand}{'' if language == 'zh' else ' '}{noun}"
    picks: list[str] = []
    for part in (_OPENING, _ASPECT, _CLOSING):
        wordings = part[language][rating - 1]
        choice, pick = divmod(choice, len(wordings))
        picks.append(wordings[pick])
    words = ("" if language == "zh" else " ").join(p for p in picks if p).format(noun=noun)
    return words.translate(_FULL_WIDTH) if language == "zh" else words


_LETTERS: Final[dict[str, dict[str, Sequence[str]]]] = {
    "en": {
        "where_is_my_order": ("Where is my {noun}?", "My order has not arrived yet.", "Can you tell me when it comes?"),
        "refund_request": ("I want my money back for the {noun}.", "Please refund my order.", "How do I return it?"),
        "damaged_item": ("The {noun} arrived broken.", "The box was crushed.", "My {noun} stopped working."),
        "wrong_item": ("I ordered a {noun} and got something else.", "Wrong colour delivered.", "Not what I ordered."),
        "payment_problem": ("I was charged twice.", "My card was declined, why?", "The payment page shows an error."),
        "change_address": (
            "Please send it to my new address.",
            "I moved, can you change the address?",
            "Wrong street!",
        ),
        "product_question": ("How do I clean the {noun}?", "Is the {noun} under warranty?", "Do you have it larger?"),
    },
    "zh": {
        "where_is_my_order": ("我的{noun}到哪了?", "订单还没收到。", "请问什么时候能到?"),
        "refund_request": ("{noun}我要退款。", "请给我退款。", "怎么退货?"),
        "damaged_item": ("收到的{noun}是坏的。", "包装箱压坏了。", "{noun}用不了了。"),
        "wrong_item": ("我买的是{noun},发错货了。", "颜色发错了。", "收到的不是我买的。"),
        "payment_problem": ("我被扣了两次款。", "付款失败是怎么回事?", "支付页面报错。"),
        "change_address": ("请改一下收货地址。", "我搬家了,能换地址吗?", "地址填错了!"),
        "product_question": ("{noun}怎么清洗?", "{noun}有保修吗?", "有大一点的吗?"),
    },
}


def letter(intent: int, leaf: Leaf, language: str, choice: int) -> str:
    """Write a message to support.

    Args:
        intent: Place in ``INTENTS``.
        leaf: Category of the item it is about.
        language: ``en`` or ``zh``.
        choice: Any whole number >= 0; picks among the wordings.
    """
    wordings = _LETTERS[language][INTENTS[intent]]
    choice, pick = divmod(choice, len(wordings))
    text = wordings[pick].format(noun=leaf.zh if language == "zh" else leaf.en)
    greeting = ("", "您好,", "你好!") if language == "zh" else ("", "Hi, ", "Hello! ")
    words = greeting[choice % 3] + text
    return words.translate(_FULL_WIDTH) if language == "zh" else words
