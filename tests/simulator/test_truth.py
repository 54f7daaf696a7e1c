"""What was planted is found again in the log, and what marks a user in the truth is in no id."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from footfall.simulator import Simulation


@pytest.fixture(scope="module")
def db(large: Simulation) -> Any:
    """The log with ``uid``, the true user behind every row (one of them where a device is shared), beside the truth."""
    home = duckdb.connect()
    home.execute(f"CREATE VIEW log AS SELECT * FROM read_parquet('{large.out}/events-*.parquet')")
    for name in ("users", "devices", "items", "categories", "campaigns", "ads", "assignments", "decisions", "letters"):
        home.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{large.truth}/{name}.parquet')")
    home.execute(f"CREATE VIEW catalogue AS SELECT * FROM read_parquet('{large.items_file}')")
    home.execute(
        "CREATE TABLE e AS SELECT log.*, coalesce(log.user_id, d.uid) AS uid, u.* EXCLUDE (user_id, country) FROM log "
        "LEFT JOIN (SELECT anonymous_id, min(user_id) AS uid FROM devices GROUP BY 1) d USING (anonymous_id) "
        "JOIN users u ON u.user_id = coalesce(log.user_id, d.uid)"
    )
    return home


def _one(db: Any, sql: str) -> Any:
    return db.execute(sql).fetchone()


def test_users_view_items_of_their_taste(db: Any) -> None:
    # taste x vector of what a person viewed, against the mean over the items of the same leaf, each as popular as it is
    seen, usual = _one(
        db,
        "WITH v AS (SELECT e.taste, i.vector, i.category FROM e JOIN items i USING (item_id) "
        "WHERE event_type = 'view_item' AND NOT robot LIMIT 40000), "
        "m AS (SELECT category, list(vector) AS vectors, list(exp(log_popularity)) AS weights FROM items GROUP BY 1) "
        "SELECT avg(list_inner_product(taste, vector)), "
        "avg(list_sum(list_transform(list_zip(vectors, weights), lambda x: list_inner_product(taste, x[1]) * x[2])) "
        "/ list_sum(weights)) FROM v JOIN m USING (category)",
    )
    assert seen > usual + 0.3


def test_users_view_departments_of_their_interest(db: Any) -> None:
    rows = db.execute(
        "SELECT segment, split_part(i.category, '.', 1) AS department, count(*) FROM e JOIN items i USING (item_id) "
        "WHERE event_type = 'view_item' AND role = 'shopper' GROUP BY ALL"
    ).fetchall()
    views = {(segment, department): number for segment, department, number in rows}
    totals: dict[str, int] = {}
    for (segment, _), number in views.items():
        totals[segment] = totals.get(segment, 0) + number

    def share(segment: str, department: str) -> float:
        return float(views[segment, department] / totals[segment])

    for segment, department in (
        ("gadget fans", "electronics"),
        ("home makers", "home"),
        ("fashion lovers", "fashion"),
        ("young families", "family"),
        ("outdoor people", "sports"),
    ):
        assert share(segment, department) > 1.5 * share("bargain hunters", department)


def test_the_price_sensitive_buy_cheaper_and_at_a_discount(db: Any) -> None:
    rows = db.execute(
        "SELECT price_sensitivity > 1.4, avg(ln(e.price) - m.usual), avg((e.price < c.price)::INT) "
        "FROM e JOIN catalogue c USING (item_id) "
        "JOIN (SELECT category, avg(ln(price)) AS usual FROM catalogue GROUP BY 1) m USING (category) "
        "WHERE event_type = 'add_to_cart' AND role = 'shopper' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    (_, easy, easy_off), (_, keen, keen_off) = rows
    assert keen < easy - 0.15  # log-units: 15 % cheaper for what it is
    assert keen_off > easy_off


def test_better_items_are_added_more_often_and_rated_better(db: Any) -> None:
    rows = db.execute(
        "SELECT quality > 0, count(*) FILTER (event_type = 'add_to_cart') "
        "/ count(*) FILTER (event_type = 'view_item'), avg(rating) "
        "FROM e JOIN items USING (item_id) WHERE role = 'shopper' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    (_, poor_adds, poor_rating), (_, good_adds, good_rating) = rows
    assert good_adds > 1.2 * poor_adds
    assert good_rating > poor_rating + 0.4


def test_the_text_of_a_review_follows_its_rating(db: Any) -> None:
    good = re.compile(r"Excellent|Love|Perfect|Best|Exceeded|非常好|太喜欢|完美|用过最好|超出预期")
    bad = re.compile(
        r"Terrible|disappoint|waste|regret|Awful|expected more|Not great|Below|Would not|"
        r"差|失望|浪费|后悔|不太好|没有想象|不会再买"
    )
    rows = db.execute("SELECT rating, text, language, properties FROM e WHERE event_type = 'review'").fetchall()
    assert len(rows) > 60
    for rating, text, language, properties in rows:
        assert bool(good.search(text)) == (rating == 5)
        assert bool(bad.search(text)) == (rating <= 2)
        assert bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh")
        assert f'"{language}"' in properties


def test_campaigns_have_the_effect_that_the_truth_says(db: Any) -> None:
    # own visits in the days of effect, after the day of sending, of living shoppers: the log of the ratio of the arms
    rows = db.execute(
        "WITH a AS (SELECT a.*, c.sent_at, c.log_visits FROM assignments a JOIN campaigns c USING (campaign) "
        "JOIN users u USING (user_id) WHERE role = 'shopper' "
        "AND coalesce(u.leaves_on, '2999-01-01') > c.sent_at::DATE + 7 AND c.sent_at < '2025-03-24') "
        "SELECT log_visits > 0, log_visits < 0, treated, count(DISTINCT (a.campaign, a.user_id)), "
        "count(DISTINCT e.session_id) FROM a LEFT JOIN e ON e.uid = a.user_id AND e.session_id IS NOT NULL "
        "AND e.timestamp > a.sent_at + INTERVAL 14 HOUR AND e.timestamp < a.sent_at + INTERVAL 6 DAY "
        "AND e.campaign IS NULL GROUP BY ALL"
    ).fetchall()
    rate = {(up, down, treated): visits / users for up, down, treated, users, visits in rows}
    assert np.log(rate[True, False, True] / rate[True, False, False]) > 0.15
    assert abs(np.log(rate[False, False, True] / rate[False, False, False])) < 0.15  # the placebo
    assert np.log(rate[False, True, True] / rate[False, True, False]) < -0.1  # the one that annoys


def test_treatment_is_random_and_logged(db: Any) -> None:
    treated, eligible = _one(db, "SELECT count(*) FILTER (treated), count(*) FROM assignments")
    assert treated / eligible == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(eligible))
    sent = _one(db, "SELECT count(*), min(logging_prob), max(logging_prob) FROM log WHERE event_type = 'message_sent'")
    assert sent == (treated, 0.5, 0.5)
    assert _one(
        db,
        "SELECT count(*) FROM (SELECT user_id, campaign FROM log WHERE event_type = 'message_sent' "
        "EXCEPT SELECT user_id, campaign FROM assignments WHERE treated)",
    ) == (0,)


def test_inverse_propensity_finds_the_value_of_another_policy(db: Any) -> None:
    # the value of showing the six candidates at random, from clicks logged under Plackett-Luce, against the truth:
    # each of n candidates stands at each position with probability 1 / n
    lists = db.execute(
        "SELECT l.position, l.logging_prob, len(d.candidates), "
        "(s.item_id IS NOT NULL)::INT, list_avg(d.attractions) FROM log l JOIN decisions d USING (decision_id) "
        "LEFT JOIN log s ON s.decision_id = l.decision_id AND s.event_type = 'select_item' AND s.item_id = l.item_id "
        "WHERE l.event_type = 'view_item_list'"
    ).fetchnumpy()
    position, logged, count, clicked, attraction = (np.asarray(column, np.float64) for column in lists.values())
    weight = (1 / count) / logged
    examined = position**-0.7
    truth = float((examined * attraction).sum())
    estimate = float((weight * clicked).sum())
    error = float(np.sqrt((weight**2 * clicked).sum()))
    assert abs(estimate - truth) < 4 * error
    assert error / truth < 0.05  # tight enough to mean something
    assert abs(float(clicked.sum()) - truth) > 4 * error  # the policy that was logged is another one


def test_weights_of_decisions_give_the_logged_probability_of_the_first_position(db: Any) -> None:
    worst, rows = _one(
        db,
        "SELECT max(abs(l.logging_prob - d.weights[list_position(d.candidates, l.item_id)] / list_sum(d.weights))), "
        "count(*) FROM log l JOIN decisions d USING (decision_id) "
        "WHERE l.event_type = 'view_item_list' AND position = 1",
    )
    assert rows > 10_000
    assert worst < 1e-9


def test_seasons(db: Any) -> None:
    january, march = db.execute(
        "SELECT count(*) FILTER (category LIKE '%heaters'), count(*) FILTER (category LIKE '%fans') FROM e "
        "JOIN items USING (item_id) WHERE event_type = 'view_item' AND role = 'shopper' "
        "AND month(timestamp) IN (1, 3) GROUP BY month(timestamp) ORDER BY month(timestamp)"
    ).fetchall()
    assert march[1] / march[0] > 1.5 * january[1] / january[0]


def test_consumables_come_back_after_their_cycle(db: Any) -> None:
    rows = db.execute(
        "WITH p AS (SELECT uid, category, cycle_days, timestamp, lead(timestamp) OVER (PARTITION BY uid, category "
        "ORDER BY timestamp) AS again FROM (SELECT DISTINCT uid, category, timestamp FROM e JOIN items USING (item_id) "
        "WHERE event_type = 'purchase' AND role = 'shopper') JOIN categories USING (category)) "
        "SELECT cycle_days > 0, count(again) / count(*) FROM p WHERE timestamp < '2025-02-15' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows[1][1] > 1.5 * rows[0][1]


def test_nobody_visits_before_arriving_or_after_leaving(db: Any) -> None:
    early, late, rows = _one(
        db,
        "SELECT count(*) FILTER (timestamp < arrives_on - INTERVAL 1 DAY), "
        "count(*) FILTER (timestamp > leaves_on + INTERVAL 2 DAY), count(*) FROM e "
        "WHERE event_type = 'view_item' AND anonymous_id IN (SELECT anonymous_id FROM devices GROUP BY 1 "
        "HAVING count(*) = 1)",
    )
    assert (early, late) == (0, 0)
    assert rows > 100_000


def test_new_items_are_not_seen_before_their_launch(db: Any) -> None:
    early, later = _one(
        db,
        "SELECT count(*) FILTER (timestamp < launched_at - INTERVAL 1 DAY), count(*) FROM e JOIN items USING (item_id) "
        "WHERE launched_at > '2025-01-10' AND event_type = 'view_item'",
    )
    assert early == 0
    assert later > 1000


def test_people_come_at_their_hours(db: Any) -> None:
    rows = db.execute(
        "SELECT rhythm, avg((hour(begun) BETWEEN 6 AND 10)::INT), avg((hour(begun) >= 22 OR hour(begun) <= 1)::INT), "
        "avg((isodow(begun) >= 6)::INT) FROM (SELECT rhythm, min(timestamp AT TIME ZONE 'UTC') "
        "+ to_seconds(any_value(utc_offset_s)) AS begun FROM e WHERE role = 'shopper' AND session_id IS NOT NULL "
        "GROUP BY session_id, rhythm) GROUP BY 1"
    ).fetchall()
    morning, night, weekend = ({row[0]: row[place] for row in rows} for place in (1, 2, 3))
    assert max(morning, key=morning.__getitem__) == "mornings"
    assert max(night, key=night.__getitem__) == "nights"
    assert max(weekend, key=weekend.__getitem__) == "weekends"
    assert morning["mornings"] > 0.5 > 3 * morning["nights"]


def test_activity_and_popularity_have_heavy_tails(db: Any) -> None:
    for name in ("uid", "item_id"):
        top, median = _one(
            db,
            f"SELECT quantile_cont(n, 0.99), median(n) FROM (SELECT count(*) AS n FROM e WHERE role = 'shopper' "
            f"AND event_type = 'view_item' GROUP BY {name})",
        )
        assert top > 10 * median


def test_rings_share_devices_and_return_more(db: Any) -> None:
    shared = _one(
        db,
        "SELECT count(*) FROM (SELECT anonymous_id FROM devices JOIN users USING (user_id) WHERE fraud GROUP BY 1 "
        "HAVING count(DISTINCT user_id) >= 3 AND count(DISTINCT ring) = 1)",
    )
    assert shared[0] >= 2
    rows = db.execute(
        "SELECT fraud, count(*) FILTER (event_type = 'refund') / count(*) FILTER (event_type = 'purchase') FROM e "
        "WHERE NOT robot GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows[1][1] > 5 * rows[0][1]


def test_innocents_share_devices_too(db: Any) -> None:
    assert (
        _one(
            db,
            "SELECT count(*) FROM (SELECT anonymous_id FROM devices JOIN users USING (user_id) GROUP BY 1 "
            "HAVING count(DISTINCT user_id) >= 4 AND NOT bool_or(fraud))",
        )[0]
        >= 1
    )


def test_robots_look_at_much_and_buy_nothing(db: Any) -> None:
    rows = db.execute(
        "SELECT role, count(DISTINCT uid), count(*) FILTER (event_type = 'view_item') / count(DISTINCT uid), "
        "count(*) FILTER (event_type <> 'view_item'), avg((user_agent ILIKE '%bot%' OR user_agent LIKE 'python%' "
        "OR user_agent LIKE 'Scrapy%')::INT) FROM e WHERE robot GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in rows] == ["crawler", "stealth_bot"]
    for _, users, views, others, _ in rows:
        assert users >= 5
        assert views > 200
        assert others == 0
    assert rows[0][4] == 1.0  # they say so
    assert rows[1][4] == 0.0  # they do not


def test_letters_have_their_intent_in_the_truth_only(db: Any, large: Simulation) -> None:
    rows = db.execute("SELECT l.intent, log.text FROM letters l JOIN log USING (event_id)").fetchall()
    assert len(rows) == _one(db, "SELECT count(*) FROM log WHERE event_type = 'support_message'")[0] > 20
    assert not any(intent in text for intent, text in rows)
    columns = set(pq.read_schema(large.event_files[0]).names) | set(pq.read_schema(large.items_file).names)
    assert not columns & {"role", "fraud", "robot", "ring", "segment", "taste", "quality", "intent", "treated"}


def test_ids_do_not_tell_who_is_who(db: Any) -> None:
    # order the users by id: were robots, rings or passers-by contiguous, their ranks would not be spread evenly
    rows = db.execute("SELECT user_id, fraud, robot, passerby, segment FROM users ORDER BY user_id").fetchall()
    ids = [row[0] for row in rows]
    assert {len(user) for user in ids} == {8}
    ranks = np.arange(len(rows)) / len(rows)
    for place in (1, 2, 3):
        marked = ranks[[bool(row[place]) for row in rows]]
        assert len(marked) > 10
        assert abs(marked.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(marked))
        assert np.diff(marked).max() < 60 / len(marked)
        gaps = np.diff(np.flatnonzero([bool(row[place]) for row in rows]))
        assert (gaps == 1).mean() < 3 * max(len(marked) / len(rows), 0.02)
