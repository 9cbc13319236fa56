"""An inventory of which no fleet can be made."""

from refused.conftest import Refuse


def test_a_host_in_both_groups(refuse: Refuse) -> None:
    assert "media1 is in both groups, sip and media" in refuse({}, sip=["media1"])


def test_a_proxy_without_a_media_host(refuse: Refuse) -> None:
    sets = {"fleet_sets": [{"name": "one", "sip": ["sip1"], "media": ["media1", "media2"]}]}
    said = refuse(dict.fromkeys(("sip1", "sip2", "media1", "media2"), sets))
    assert "sip2 has no media host: no set of fleet_sets is for it" in said


def test_ports_for_media_that_overlap_with_others(refuse: Refuse) -> None:
    said = refuse({"media2": {"rtpengine_port_min": 2000}})
    assert "127.0.0.1:2223, where rtpengine of media2 is to listen" in said
    assert "rtpengine_port_min (2000)" in said


def test_a_user_without_a_password(refuse: Refuse) -> None:
    said = refuse({"sip2": {"fleet_users": ["alice", "mallory"]}})
    assert "sip2: fleet_users has mallory, but vault_sip_passwords no password" in said


def test_an_address_that_the_host_does_not_have(refuse: Refuse) -> None:
    said = refuse({"media1": {"private_address": "10.1.2.3"}})
    assert "media1 has no address 10.1.2.3" in said
