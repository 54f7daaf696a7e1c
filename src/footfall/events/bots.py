"""Robots by their user agent. Behaviour is judged later, over whole histories."""

from __future__ import annotations

import functools
from typing import Any, Final

LOOKED_AT: Final = 1024
"""Letters of an agent that are looked at; the detector's time grows with the square of a long word's length."""


@functools.cache
def _detector() -> Any:
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()


@functools.lru_cache(maxsize=65_536)
def agent_reason(user_agent: str) -> str | None:
    """Return why an agent is taken for a robot, or None.

    Args:
        user_agent: The full text that the client sent.

    >>> agent_reason("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    'agent: Googlebot'
    """
    detector = _detector()
    if not detector.isCrawler(user_agent[:LOOKED_AT]):
        return None
    return f"agent: {detector.getMatches() or 'crawler'}"
