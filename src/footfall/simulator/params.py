"""The numbers of the simulated shop: what real shops measured, and how the simulator is tuned to them.

Three real shops publish rates, and they seem to disagree about buying: 0.84 purchases per 100 views (RetailRocket),
1.25 (REES46), 15.5 % of sessions (UCI). They count different things. Per page viewed they lie close together (UCI:
1,908 buying sessions on 391,249 product pages, 0.49 per 100), while a UCI session has 31.7 product pages and a REES46
session 3.4 views. So the simulator takes

- what happens per view (adds, purchases) from RetailRocket, robots left out;
- views per session from REES46: most visits are short;
- the buying share of *long* sessions (at least ``LONG_SESSION_VIEWS`` views) from UCI, whose visitors browse at length.

Returned lines follow Online Retail (1.96 % of its lines have a negative quantity).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RETAILROCKET_VIEWS: Final = 2_664_312
RETAILROCKET_ADDS: Final = 69_332
RETAILROCKET_TRANSACTIONS: Final = 22_457
RETAILROCKET_ORDERS: Final = 17_672
"""Distinct transaction ids among the transactions: 1.27 lines an order."""
REES46_VIEWS: Final = 17_056
REES46_CARTS: Final = 165
REES46_PURCHASES: Final = 214
REES46_SESSIONS: Final = 5_066
UCI_SESSIONS: Final = 12_330
UCI_BUYING_SESSIONS: Final = 1_908
UCI_PRODUCT_PAGES: Final = 391_249
ONLINE_RETAIL_LINES: Final = 541_909
ONLINE_RETAIL_RETURNED: Final = 10_624

LONG_SESSION_VIEWS: Final = 10
"""A session with this many item views or more is set beside UCI's."""

TASTE_DIMS: Final = 8
"""Length of taste and item vectors: first ``STYLE_DIMS`` styles that a title speaks of, then what brands stand for."""
STYLE_DIMS: Final = 4
DEVICE_SLOTS: Final = 4
"""Devices a user may have: own ones first, the last slot is one shared with somebody else."""
LIST_CANDIDATES: Final = 12
"""Items that the ranking policy chooses from."""
LIST_SIZE: Final = 6
"""Items that a list shows."""
CHUNK_USERS: Final = 8192
"""Most users simulated at once."""
CHUNK_EVENTS: Final = 400_000
"""Most events to be expected of the users simulated at once; busier users come in smaller chunks."""


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How people of the simulated shop behave; probabilities unless the name says otherwise.

    Attributes:
        fraud: Share of users who belong to a fraud ring.
        robots: Share of users who are robots.
        passerby: Share of visitors who come once and are never seen again.
        existing: Share who were customers before the first day.
        visits_median: Visits a day of the median regular user; the rate is lognormal.
        visits_sigma: Standard deviation of the logarithm of that rate.
        hazard_shape: Shape of the Gamma distribution of the daily hazard of leaving (as in the Pareto/NBD model).
        hazard_mean: Mean daily hazard of leaving.
        fall_asleep: A day turns an active user dormant.
        wake_up: A day wakes a dormant user.
        dormant_factor: Visits of a dormant user, as a share of the active rate.
        due_factor: Visits while something used up must be bought again, as a multiple of the rate.
        bounce: A visit looks at one or two items only.
        deep: A visit compares many items.
        browse_views: Mean number of further views of an ordinary visit.
        deep_views: Mean number of further views of a deep visit, after eight.
        search: A visit starts with a search.
        switch_leaf: A view is followed by a move to another category.
        stay_leaf: A visit goes on in the category of the visit before.
        complement: A move, or a visit after a purchase, goes to what belongs with it (a phone's case).
        revisit: A view goes back to an item seen before.
        add_logit: Log-odds that a view of an average item leads to an add.
        bounce_logit: Added to ``add_logit`` in a bounce.
        due_logit: Added to ``add_logit`` for what is due to be bought again.
        buy_taste: Log-odds of an add per unit of taste x item vector.
        buy_quality: Log-odds of an add per standard deviation of quality.
        buy_price: Log-odds of an add per unit of price sensitivity x log of relative price, subtracted.
        view_quality: Log-weight of an item in choosing what to view, per standard deviation of quality.
        view_price: Log-weight per unit of price sensitivity x log of relative price, subtracted.
        remove: An item of the cart is taken out before checkout.
        checkout_browse: An ordinary visit with something in the cart goes to checkout.
        checkout_deep: The same for a deep visit.
        pay: A checkout that was begun is paid.
        direct_buy: An add that is not logged because "buy now" was pressed.
        refund_logit: Log-odds that a bought line of average quality is returned.
        review: A bought line is reviewed.
        support: A bought line leads to a message to support.
        sign_up: A visitor without an account makes one on a visit.
        log_in: A logged-out customer logs in on a visit.
        lose_cookie: A device comes back with a new anonymous id.
        list_exam: Exponent of the examination curve: position k is looked at with probability k ** -list_exam.
        click_logit: Log-odds that an average item, once looked at, is clicked.
        ads_per_day: Advertisements shown to a user a day outside the shop.
        ad_logit: Log-odds of a click on an average advertisement.
        treated: Share of those eligible for a campaign who are sent it, at random.
        open_message: A message is opened by a living user.
        click_message: An opened message is clicked.
    """

    fraud: float = 0.0015
    robots: float = 0.002
    passerby: float = 0.45
    existing: float = 0.30
    visits_median: float = 0.065
    visits_sigma: float = 0.9
    hazard_shape: float = 0.8
    hazard_mean: float = 0.010
    fall_asleep: float = 0.010
    wake_up: float = 0.030
    dormant_factor: float = 0.03
    due_factor: float = 1.6
    bounce: float = 0.50
    deep: float = 0.085
    browse_views: float = 2.2
    deep_views: float = 9.0
    search: float = 0.30
    switch_leaf: float = 0.10
    stay_leaf: float = 0.35
    complement: float = 0.30
    revisit: float = 0.15
    add_logit: float = -4.45
    bounce_logit: float = -1.5
    due_logit: float = 1.5
    buy_taste: float = 0.5
    buy_quality: float = 0.4
    buy_price: float = 0.8
    view_quality: float = 0.2
    view_price: float = 0.5
    remove: float = 0.14
    checkout_browse: float = 0.12
    checkout_deep: float = 0.48
    pay: float = 0.88
    direct_buy: float = 0.06
    refund_logit: float = -4.2
    review: float = 0.12
    support: float = 0.05
    sign_up: float = 0.05
    log_in: float = 0.45
    lose_cookie: float = 0.02
    list_exam: float = 0.7
    click_logit: float = -1.6
    ads_per_day: float = 0.03
    ad_logit: float = -4.0
    treated: float = 0.5
    open_message: float = 0.28
    click_message: float = 0.22

    def record(self) -> npt.NDArray[Any]:
        """Return the numbers as kernels read them: one record [1] with a float field for each."""
        values = dataclasses.asdict(self)
        return np.array([tuple(values.values())], np.dtype([(name, np.float64) for name in values]))
