"""Robots and people by their user agents, as both really send them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.events.bots import LOOKED_AT, agent_reason

ROBOTS = [
    ("Googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (
        "Googlebot",
        (
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like "
            "Gecko) Chrome/125.0.6422.175 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www."
            "google.com/bot.html)"
        ),
    ),
    (
        "bingbot",
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bi"
            "ng.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36"
        ),
    ),
    ("Yandex", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
    ("Baiduspider", "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"),
    ("DuckDuckBot", "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)"),
    (
        "Applebot",
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) V"
            "ersion/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)"
        ),
    ),
    ("facebookexternalhit", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    (
        "GPTBot",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    ),
    (
        "ClaudeBot",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    ),
    (
        "ChatGPT-User",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
    ),
    ("Ahrefs", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    ("Semrush", "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"),
    (
        "Bytespider",
        (
            "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537."
            "36 (compatible; Bytespider; spider-feedback@bytedance.com)"
        ),
    ),
    ("CCBot", "CCBot/2.0 (https://commoncrawl.org/faq/)"),
    ("curl", "curl/8.5.0"),
    ("Wget", "Wget/1.21.4"),
    ("python-requests", "python-requests/2.31.0"),
    ("Scrapy", "Scrapy/2.11.0 (+https://scrapy.org)"),
    ("Go-http-client", "Go-http-client/1.1"),
    ("Java/", "Java/17.0.1"),
    ("okhttp", "okhttp/4.9.3"),
    (
        "Headless",
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/119."
            "0.6045.105 Safari/537.36"
        ),
    ),
    (
        "PhantomJS/",
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    ),
    ("UptimeRobot", "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"),
    ("Slackbot", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"),
    ("WhatsApp", "WhatsApp/2.23.20.0"),
    ("Twitterbot", "Twitterbot/1.0"),
    ("PetalBot", "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)"),
    ("AdsBot", "AdsBot-Google (+http://www.google.com/adsbot.html)"),
    ("Mediapartners-Google", "Mediapartners-Google"),
    (
        "PerplexityBot",
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https:/"
            "/perplexity.ai/perplexitybot)"
        ),
    ),
    ("crawl", "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)"),
    (
        "Amazonbot",
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amazonbot/0.1; +https://dev"
            "eloper.amazon.com/support/amazonbot) Chrome/119.0.6045.214 Safari/537.36"
        ),
    ),
    ("python-httpx", "python-httpx/0.27.0"),
    ("aiohttp/", "aiohttp/3.9"),
    (
        "Lighthouse",
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/10"
            "9.0.0.0 Safari/537.36 Chrome-Lighthouse"
        ),
    ),
    ("Pingdom", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)"),
    ("axios/", "axios/1.6.2"),
    ("node-fetch", "node-fetch/1.0"),
    ("PostmanRuntime", "PostmanRuntime/7.36.0"),
    ("Apache-HttpClient", "Apache-HttpClient/4.5.14 (Java/17)"),
]

PEOPLE = [
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) V"
        "ersion/17.4.1 Safari/605.1.15"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    (
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBr"
        "owser/24.0 Chrome/117.0.0.0 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) AppleWebKit/537.36 (KHTML, like Gecko) Chro"
        "me/96.0.4664.104 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 7.0; CUBOT_X18 Build/NRD90M) AppleWebKit/537.36 (KHTML, like G"
        "ecko) Chrome/64.0.3282.137 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 11; CUBOT P40) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/9"
        "0.0.4430.210 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like G"
        "ecko) Mobile/15E148 [FBAN/FBIOS;FBAV/458.0.0.44.109;FBBV/589111837;FBDV/iPhone14,7;FBMD/iP"
        "hone;FBSN/iOS;FBSV/17.4;FBSS/3;FBID/phone;FBLC/de_DE;FBOP/5]"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Mobile/15E148 Instagram 325.0.4.34.91 (iPhone14,5; iOS 17_4_1; en_US; en; scale=3."
        "00; 1170x2532; 581419474)"
    ),
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12"
        "3.0.0.0 Safari/537.36 Edg/123.0.2420.97"
    ),
    "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
    (
        "Mozilla/5.0 (Linux; Android 12; V2027 Build/SP1A.210812.003; wv) AppleWebKit/537.36 (KHTML"
        ", like Gecko) Version/4.0 Chrome/123.0.6312.118 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/459"
        ".0.0.52.109;]"
    ),
    (
        "Mozilla/5.0 (Linux; U; Android 13; zh-CN; 22041216C Build/TP1A.220624.014) AppleWebKit/537"
        ".36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UCBrowser/15.5.8.1220 Mobile Safa"
        "ri/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; M2101K6G) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12"
        "3.0.0.0 YaBrowser/24.1.0 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like G"
        "ecko) GSA/310.0.624216321 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/108.4.6"
        " like Chrome/108.0.5359.220 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809."
        "146/6.0 TV Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like G"
        "ecko) Mobile/15E148 musical_ly_32.5.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/"
        "en Region/US"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like G"
        "ecko) Mobile/15E148 [Pinterest/iOS]"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-A536B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Versi"
        "on/4.0 Chrome/123.0.6312.99 Mobile Safari/537.36 MicroMessenger/8.0.47"
    ),
]


@pytest.mark.parametrize(("name", "agent"), ROBOTS, ids=[name for name, _ in ROBOTS])
def test_a_robot_is_flagged_and_named(name: str, agent: str) -> None:
    reason = agent_reason(agent)
    assert reason is not None
    said, _, found = reason.partition(": ")
    assert said == "agent"
    # How much of the name is matched is the list's affair; that it stands in the agent is ours.
    assert found
    assert found.lower() in agent.lower()
    assert name.lower().startswith(found.lower()[:4]) or found == "crawl"


@pytest.mark.parametrize("agent", PEOPLE)
def test_a_person_is_not_flagged(agent: str) -> None:
    assert agent_reason(agent) is None


@pytest.mark.parametrize("agent", ["", " ", "-", "(not set)", "null", "Mozilla/5.0", "Shop/4.2 (iPhone; iOS 17.4)"])
def test_an_agent_that_says_nothing_is_no_robot(agent: str) -> None:
    assert agent_reason(agent) is None


def test_letter_case_does_not_matter() -> None:
    assert agent_reason("MOZILLA/5.0 (COMPATIBLE; GOOGLEBOT/2.1)") is not None


def test_an_answer_does_not_depend_on_the_one_before() -> None:
    # The detector keeps its last match; a person after a robot must not inherit it.
    robot, person = "curl/8.5.1", "Mozilla/5.0 (X11; Linux x86_64; rv:125.1) Gecko/20100101 Firefox/125.1"
    assert (agent_reason(robot), agent_reason(person)) == ("agent: curl", None)
    assert agent_reason("") is None
    assert agent_reason(robot) == "agent: curl"


def test_an_agent_of_any_length_is_judged_by_its_beginning() -> None:
    # Looked through in full, this one word would keep an ingest busy for many minutes.
    assert agent_reason("x" * 200_000) is None
    assert agent_reason("Googlebot/2.1 " + "x" * 200_000) == "agent: Googlebot"
    assert agent_reason(" " * LOOKED_AT + "Googlebot/2.1") is None


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_no_text_stops_it(agent: str) -> None:
    reason = agent_reason(agent)
    assert reason is None or reason.startswith("agent: ")
