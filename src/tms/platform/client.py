"""Where the request at hand comes from: the client's network address, which the gate has made sure of."""

import ipaddress
from collections.abc import Sequence
from contextvars import ContextVar
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

address: ContextVar[str | None] = ContextVar("client_address", default=None)


@lru_cache(maxsize=8)
def networks(text: str) -> tuple[Network, ...]:
    """The proxies of `TMS_TRUSTED_PROXIES`: addresses and networks, separated by commas. Raises `ValueError`."""
    found = tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("who trusts every address lets everybody choose their own")
    return found


def behind(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The client's address: the peer's, or, where the peer is a trusted proxy, the nearest one that is not.

    Each proxy appends to `X-Forwarded-For`, so the values are read from the right, and what stands left of the first
    address that we do not trust was written by the client: it is never looked at.
    """
    nearest = _parse(peer or "")
    if nearest is None:
        return None
    hops = [hop for value in forwarded_for for hop in value.split(",")] if trusted else []
    while hops and any(nearest in network for network in trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        nearest = hop
    return str(nearest)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    """An address, with a port perhaps, as proxies write it: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
