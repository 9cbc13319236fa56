"""Media goes through rtpengine, both ways."""

from calls import sdp
from calls.client import Client
from calls.rtpengine import Rtpengine
from calls.talking import hang_up, talk


def test_both_sides_hear_each_other_through_rtpengine(
    caller: Client, callee: Client, rtpengine: Rtpengine
) -> None:
    calling, called = talk(caller, callee)
    assert calling.answered is not None
    to_callee = sdp.media_address(calling.answered.body)
    to_caller = sdp.media_address(called.invite.body)
    relays = {host.address for host in rtpengine.hosts}
    assert {to_callee[0], to_caller[0]} <= relays

    caller.media.send(to_callee)
    assert callee.media.hears(caller.media) == to_caller
    callee.media.send(to_caller)
    assert caller.media.hears(callee.media) == to_callee

    hang_up(calling, callee)
