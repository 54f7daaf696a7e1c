"""What the shop sells, in English and Chinese: departments, leaf categories, styles, brands. Data, no logic.

A shopper knows these words too; they are no secret of the truth.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Leaf(NamedTuple):
    """A category that items hang on.

    Attributes:
        path: Category path, levels separated by ``.``; the first level is the department.
        en: The noun in English.
        zh: The noun in Chinese.
        price: Median price in major units.
        cycle_days: Days until it is used up and bought again; 0 for what lasts.
        peak_day: Day of the year when it sells best.
        swing: Height of the season in log-units; 0 for none.
        goes_with: Path of what is bought to go with it; empty for nothing.
    """

    path: str
    en: str
    zh: str
    price: float
    cycle_days: float = 0.0
    peak_day: int = 0
    swing: float = 0.0
    goes_with: str = ""


LEAVES: Final = (
    Leaf("electronics.phones.smartphones", "smartphone", "智能手机", 420, goes_with="electronics.phones.cases"),
    Leaf("electronics.phones.cases", "phone case", "手机壳", 16),
    Leaf("electronics.audio.headphones", "headphones", "耳机", 85),
    Leaf("electronics.audio.speakers", "speaker", "音箱", 70, 0, 350, 0.3),
    Leaf("electronics.computers.laptops", "laptop", "笔记本电脑", 850, 0, 235, 0.3, "electronics.computers.mice"),
    Leaf("electronics.computers.mice", "mouse", "鼠标", 28),
    Leaf("electronics.cameras.cameras", "camera", "相机", 520, 0, 180, 0.3),
    Leaf("home.kitchen.kettles", "kettle", "电热水壶", 38, 0, 10, 0.2),
    Leaf("home.kitchen.coffee_makers", "coffee maker", "咖啡机", 120, 0, 0, 0.0, "home.kitchen.coffee_beans"),
    Leaf("home.kitchen.coffee_beans", "coffee beans", "咖啡豆", 14, 24),
    Leaf("home.kitchen.pans", "frying pan", "平底锅", 32),
    Leaf("home.furniture.desks", "desk", "书桌", 190, 0, 240, 0.3, "home.furniture.lamps"),
    Leaf("home.furniture.lamps", "lamp", "台灯", 35, 0, 330, 0.3),
    Leaf("home.climate.fans", "fan", "风扇", 45, 0, 190, 1.2),
    Leaf("home.climate.heaters", "heater", "取暖器", 60, 0, 10, 1.2),
    Leaf("home.cleaning.detergents", "detergent", "洗衣液", 12, 30),
    Leaf("fashion.women.dresses", "dress", "连衣裙", 55, 0, 160, 0.6),
    Leaf("fashion.women.coats", "coat", "大衣", 130, 0, 330, 0.9),
    Leaf("fashion.men.shirts", "shirt", "衬衫", 38, 0, 130, 0.2),
    Leaf("fashion.men.jackets", "jacket", "夹克", 90, 0, 290, 0.6),
    Leaf("fashion.shoes.sneakers", "sneakers", "运动鞋", 75, 0, 100, 0.2),
    Leaf("fashion.shoes.boots", "boots", "靴子", 95, 0, 320, 0.8),
    Leaf("fashion.accessories.sunglasses", "sunglasses", "太阳镜", 40, 0, 180, 0.9),
    Leaf("beauty.skin.creams", "face cream", "面霜", 26, 40, 350, 0.3),
    Leaf("beauty.skin.sunscreens", "sunscreen", "防晒霜", 18, 35, 185, 1.1),
    Leaf("beauty.hair.shampoos", "shampoo", "洗发水", 11, 33),
    Leaf("beauty.makeup.lipsticks", "lipstick", "口红", 19),
    Leaf("sports.outdoor.tents", "tent", "帐篷", 160, 0, 165, 0.8, "sports.outdoor.backpacks"),
    Leaf("sports.outdoor.backpacks", "backpack", "背包", 65, 0, 200, 0.3),
    Leaf("sports.fitness.yoga_mats", "yoga mat", "瑜伽垫", 27, 0, 10, 0.4),
    Leaf("sports.cycling.helmets", "bike helmet", "骑行头盔", 58, 0, 130, 0.5),
    Leaf("family.toys.puzzles", "puzzle", "拼图", 17, 0, 345, 0.7),
    Leaf("family.toys.blocks", "building blocks", "积木", 42, 0, 345, 0.7),
    Leaf("family.baby.diapers", "diapers", "纸尿裤", 22, 18),
    Leaf("family.pets.cat_food", "cat food", "猫粮", 24, 25),
    Leaf("family.pets.cat_trees", "cat tree", "猫爬架", 70, 0, 0, 0.0, "family.pets.cat_food"),
)

DEPARTMENTS: Final = ("electronics", "home", "fashion", "beauty", "sports", "family")

STYLES: Final = (
    (("minimalist", "简约"), ("colourful", "多彩")),
    (("compact", "小巧"), ("extra large", "加大")),
    (("classic", "经典"), ("modern", "新潮")),
    (("lightweight", "轻便"), ("sturdy", "结实")),
)
"""Of each style dimension, the words of its negative and of its positive end: (English, Chinese)."""

_BRANDS = """
Aldera Bravik Corvane Dunmore Elvista Fenwyn Gantri Halvora Iskane Jorvik Kelmar Lumeo Mirado Norvell Ostara Pellin
Quorra Rivano Sandel Tamaro Ulvera Vantis Wexley Xanado Yarrow Zelmin Arbona Belluno Cindra Dorvan Estrel Fjelli
Gryphon Havenly Inverra Jasmera Kordell Lindqua Montrae Nimbra Orvella Pinedo Quintal Rosmare Solvane Tirolo
Umbrel Vesperi
"""
BRANDS: Final = tuple(_BRANDS.split())
"""Brands, all invented."""


class Segment(NamedTuple):
    """A kind of shopper.

    Attributes:
        name: Its name in the truth.
        share: Share of the users.
        interest: Log-weight of each department.
        sensitivity: Mean price sensitivity.
        budget: Mean budget, in log-units around a category's median price.
    """

    name: str
    share: float
    interest: tuple[float, ...]
    sensitivity: float
    budget: float


SEGMENTS: Final = (
    Segment("gadget fans", 0.18, (1.4, 0.0, -0.5, -0.8, 0.0, -0.4), 0.8, 0.25),
    Segment("home makers", 0.20, (-0.4, 1.3, 0.0, 0.3, -0.5, 0.2), 1.0, 0.0),
    Segment("fashion lovers", 0.18, (-0.4, -0.3, 1.4, 0.9, -0.2, -0.6), 0.7, 0.2),
    Segment("bargain hunters", 0.18, (0.1, 0.1, 0.1, 0.1, 0.0, 0.1), 2.0, -0.35),
    Segment("young families", 0.15, (-0.2, 0.5, -0.2, 0.0, -0.2, 1.6), 1.1, -0.05),
    Segment("outdoor people", 0.11, (0.1, -0.3, 0.2, -0.4, 1.7, -0.3), 0.9, 0.1),
)


class Country(NamedTuple):
    """A country that users live in.

    Attributes:
        language: What they write in.
        share: Share among the users of that language.
        code: ISO 3166 code.
        regions: Codes of its regions.
        utc_offset_h: Local time minus UTC; there is no summer time here.
    """

    language: str
    share: float
    code: str
    regions: tuple[str, ...]
    utc_offset_h: int


COUNTRIES: Final = (
    Country("en", 0.45, "US", ("CA", "NY", "TX", "FL", "WA", "IL"), -6),
    Country("en", 0.30, "GB", ("ENG", "SCT", "WLS"), 0),
    Country("en", 0.13, "CA", ("ON", "QC", "BC"), -5),
    Country("en", 0.12, "AU", ("NSW", "VIC", "QLD"), 10),
    Country("zh", 0.72, "CN", ("GD", "ZJ", "JS", "BJ", "SH", "SC"), 8),
    Country("zh", 0.18, "TW", ("TPE", "TXG", "KHH"), 8),
    Country("zh", 0.10, "SG", ("SG",), 8),
)

LANGUAGES: Final = ("en", "zh")
