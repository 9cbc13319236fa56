"""A call is put on hold and resumed, by re-INVITEs that reach the other side as they were meant."""

import pytest

from calls import sdp
from calls.client import Client
from calls.rtpengine import Rtpengine
from calls.talking import change_media, hang_up, talk


@pytest.mark.ladder("A call is put on hold, and resumed")
@pytest.mark.parametrize(("held", "agreed"), [("sendonly", "recvonly"), ("inactive", "inactive")])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_hold_and_resume_reach_the_other_side(
    caller: Client, callee: Client, rtpengine: Rtpengine, held: str, agreed: str, who: str
) -> None:
    calling, called = talk(caller, callee)
    holding, other = (calling, callee) if who == "caller" else (called, caller)
    relays = {host.address for host in rtpengine.hosts}

    for offered, answered in ((held, agreed), ("sendrecv", "sendrecv")):
        offer, answer = change_media(holding, other, offered, answered)
        assert (sdp.direction(offer), sdp.direction(answer)) == (offered, answered)
        assert {sdp.media_address(offer)[0], sdp.media_address(answer)[0]} <= relays

    hang_up(holding, other)
    assert rtpengine.forgets(calling.call_id)


def test_both_sides_hear_each_other_again_after_a_hold(
    caller: Client, callee: Client, rtpengine: Rtpengine
) -> None:
    calling, _ = talk(caller, callee)
    change_media(calling, callee, "inactive", "inactive")
    offer, answer = change_media(calling, callee, "sendrecv", "sendrecv")
    relays = {host.address for host in rtpengine.hosts}
    assert {sdp.media_address(offer)[0], sdp.media_address(answer)[0]} <= relays

    caller.media.send(sdp.media_address(answer))
    assert callee.media.hears(caller.media) == sdp.media_address(offer)
    callee.media.send(sdp.media_address(offer))
    assert caller.media.hears(callee.media) == sdp.media_address(answer)

    hang_up(calling, callee)


def test_a_refused_hold_leaves_the_call_as_it_was(
    caller: Client, callee: Client, rtpengine: Rtpengine
) -> None:
    calling, _ = talk(caller, callee)
    calling.offer("sendonly")
    callee.reply(callee.receive_request("INVITE"), 488)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(488))
    assert rtpengine.holds(calling.call_id)

    hang_up(calling, callee)
    assert rtpengine.forgets(calling.call_id)
