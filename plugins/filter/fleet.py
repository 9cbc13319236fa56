"""What an inventory's fleet_sets mean for one host.

They are a list like this::

    - {name: east, sip: [sip1, sip2], media: {media1: 3, media2: 1}}
    - {name: west, media: [media3]}

A set without ``sip`` is every proxy's; ``media`` are hosts, or hosts with their weights.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_Sets = Sequence[Mapping[str, Any]]


def weights(media: Mapping[str, int] | Sequence[str]) -> dict[str, int]:
    """Return the weight of each media host, 1 where none is given."""
    return dict(media) if isinstance(media, Mapping) else dict.fromkeys(media, 1)


def fleet_media(sets: _Sets, proxy: str) -> list[str]:
    """Return the media hosts that a proxy uses, each once, in the order of its sets."""
    used: dict[str, int] = {}
    for each in _of(sets, proxy):
        used |= weights(each["media"])
    return list(used)


def fleet_sip(sets: _Sets, media: str, proxies: Sequence[str]) -> list[str]:
    """Return the proxies that use a media host, in the inventory's order."""
    return [proxy for proxy in proxies if media in fleet_media(sets, proxy)]


def fleet_nodes(sets: _Sets, proxy: str, ends: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a proxy's sets as the role sip_proxy takes them.

    Args:
        sets: the inventory's fleet_sets.
        proxy: the name of the proxy's host.
        ends: where the tunnel to each media host listens on it, as address:port.
    """
    return [
        {
            "name": each["name"],
            "nodes": [
                f"udp:{ends[media]}" + (f"={weight}" if weight != 1 else "")
                for media, weight in weights(each["media"]).items()
            ],
        }
        for each in _of(sets, proxy)
    ]


def _of(sets: _Sets, proxy: str) -> list[Mapping[str, Any]]:
    return [each for each in sets if proxy in each.get("sip", [proxy])]


class FilterModule:
    """Ansible's way to the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"fleet_media": fleet_media, "fleet_sip": fleet_sip, "fleet_nodes": fleet_nodes}
