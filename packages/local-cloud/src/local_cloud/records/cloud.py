"""The local cloud's own records."""

from __future__ import annotations

from local_cloud.market import Market
from local_cloud.records.base import Record


class Receipt(Record, frozen=True, kw_only=True):
    """The answer to a creating call, kept under its ``ClientToken``."""

    fingerprint: str
    answer: dict[str, object]
    created: float


class Settings(Record, frozen=True, kw_only=True):
    """The local cloud's settings; ``id`` is always ``settings``.

    Attributes:
        image_seconds: virtual seconds that the creation of an image takes.
        copy_seconds: virtual seconds that a copy to another region takes.
        image_quota: images an account may have in a region.
        boot_seconds: virtual seconds from the call to ``Running``.
        start_seconds: virtual seconds that the start of a stopped instance takes.
        stop_seconds: virtual seconds that stopping takes.
        release_seconds: virtual seconds that a deletion takes.
        cpu_quota: vCPUs an account may have running in a region as spot instances, and as pay-as-you-go ones.
        balance: whether the account can pay.
        calls_per_second: calls of each action before throttling; 0: any number.
        calls_per_minute: the same in a minute of the clock; throttling ends with the minute.
        market: the spot market's settings.
        machines: the folder of the virtual machines; empty: they are simulated.
    """

    image_seconds: float = 120.0
    copy_seconds: float = 300.0
    image_quota: int = 1000
    boot_seconds: float = 25.0
    start_seconds: float = 12.0
    stop_seconds: float = 8.0
    release_seconds: float = 4.0
    cpu_quota: int = 20_000
    balance: bool = True
    calls_per_second: float = 0.0
    calls_per_minute: int = 0
    market: Market = Market()
    machines: str = ""
