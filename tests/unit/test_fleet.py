"""What fleet_sets mean for each host."""

from plugins.filter.fleet import fleet_media, fleet_nodes, fleet_sip

_EAST = {"name": "east", "sip": ["sip1", "sip2"], "media": {"media1": 3, "media2": 1}}
_WEST = {"name": "west", "media": ["media3"]}
_ENDS = {"media1": "127.0.0.1:2223", "media2": "127.0.0.1:2233", "media3": "127.0.0.1:2243"}


def test_a_proxy_is_told_of_its_own_sets_with_their_weights() -> None:
    east = {"name": "east", "nodes": ["udp:127.0.0.1:2223=3", "udp:127.0.0.1:2233"]}
    west = {"name": "west", "nodes": ["udp:127.0.0.1:2243"]}
    assert fleet_nodes([_EAST, _WEST], "sip1", _ENDS) == [east, west]
    assert fleet_nodes([_EAST, _WEST], "sip3", _ENDS) == [west]


def test_a_media_host_in_two_sets_has_one_tunnel() -> None:
    again = {"name": "again", "media": ["media3", "media1"]}
    assert fleet_media([_EAST, again], "sip1") == ["media1", "media2", "media3"]


def test_a_media_host_admits_the_proxies_that_use_it() -> None:
    proxies = ["sip1", "sip2", "sip3"]
    assert fleet_sip([_EAST, _WEST], "media2", proxies) == ["sip1", "sip2"]
    assert fleet_sip([_EAST, _WEST], "media3", proxies) == proxies
    assert fleet_sip([_EAST], "media3", proxies) == []
