"""Calls with a wrong key: each one from an address is answered later than the one before, and noted.

A right key is never slowed. Nobody can guess 32 random bytes; this keeps those who try from taking the server's time
and the log's room.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from domov.access.audit import Audit

FORGET_SECONDS = 300.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.1, 3.0
MOST_ADDRESSES = 10_000


class Logins:
    def __init__(self, audit: Audit, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit, self._clock = audit, clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def failed(self, address: str, reason: str) -> float:
        """Notes it, and gives the seconds to let the caller wait. The 1st, 2nd, 4th, 8th... are written down."""
        place, moment = network_of(address), self._clock()
        count, at = self._failures.pop(place, (0, moment))
        count = 1 if moment - at > FORGET_SECONDS else count + 1
        self._failures[place] = count, moment
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)
        if count & (count - 1) == 0:
            self._audit.failed_login(address, reason, count)
        return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * (1 << min(count - 1, 10)))


def network_of(address: str) -> str:
    """An address, or the /64 of one of IPv6, which one caller has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address) and not parsed.ipv4_mapped:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
