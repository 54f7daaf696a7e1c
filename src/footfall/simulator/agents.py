"""User agents of browsers, apps and crawlers, with the kind of device that each stands for. Data, no logic."""

from __future__ import annotations

from typing import Final

_WEBKIT: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

BROWSERS: Final = (
    ("mobile", f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36"),
    ("mobile", f"Mozilla/5.0 (Linux; Android 13; SM-S918B) {_WEBKIT} Chrome/130.0.0.0 Mobile Safari/537.36"),
    (
        "mobile",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_SAFARI} Version/18.1 Mobile/15E148 Safari/604.1",
    ),
    (
        "mobile",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {_SAFARI} Version/17.6 Mobile/15E148 Safari/604.1",
    ),
    ("desktop", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/131.0.0.0 Safari/537.36"),
    ("desktop", f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"),
    ("desktop", f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Version/18.1 Safari/605.1.15"),
    ("desktop", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    ("tablet", f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {_SAFARI} Version/17.5 Mobile/15E148 Safari/604.1"),
    ("tablet", f"Mozilla/5.0 (Linux; Android 13; SM-X710) {_WEBKIT} Chrome/129.0.0.0 Safari/537.36"),
    ("app", "ShopApp/5.2 (iOS 18.1; iPhone15,2)"),
    ("app", "ShopApp/5.1 (Android 14; Pixel 8)"),
)

CRAWLERS: Final = (
    ("desktop", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    ("desktop", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    ("desktop", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    ("desktop", "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"),
    ("desktop", "python-requests/2.32.3"),
    ("desktop", "Scrapy/2.11.2 (+https://scrapy.org)"),
)
"""Crawlers that say so."""

AGENTS: Final = BROWSERS + CRAWLERS
"""(kind of device, user agent); browsers first."""
