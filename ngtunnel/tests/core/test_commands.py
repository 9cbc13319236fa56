"""Commands that wait for their replies."""

from ngtunnel.core.commands import Command, InFlight, Peer, PeerSession
from tests.core.wiring import OTHER_PEER, PEER


def command(cookie: bytes = b"1", since: float = 0.0, size: int = 10, number: int = 1) -> Command:
    peer: Peer = PEER if number == 1 else OTHER_PEER
    return Command(PeerSession(peer, number, since), cookie, "ping", bytes(size), since)


class Store:
    """Remembers what is kept, as the in-flight file does, and has room for two."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}

    def put(self, peer: Peer, request: bytes, now: float) -> int | None:
        """Keep a request."""
        slot = next((each for each in (0, 1) if each not in self.kept), None)
        if slot is not None:
            self.kept[slot] = request
        return slot

    def clear(self, slot: int) -> None:
        """Forget it."""
        del self.kept[slot]


def test_a_command_waits_until_it_ends_and_ends_once() -> None:
    waiting = InFlight(1000, 5.0)
    one = command()
    assert waiting.add(one)
    assert one.session.commands == {b"1": one}
    assert one.session.busy
    assert list(waiting) == [one]
    assert waiting.end(one.session, b"1") is one
    assert one.done
    assert waiting.end(one.session, b"1") is None
    assert not one.session.busy
    assert len(waiting) == 0


def test_two_peers_may_use_the_same_cookie() -> None:
    waiting = InFlight(1000, 5.0)
    one, two = command(), command(number=2)
    assert waiting.add(one)
    assert waiting.add(two)
    assert waiting.end(two.session, b"1") is two
    assert list(waiting) == [one]


def test_what_waits_is_bounded_in_bytes_and_has_room_again_when_commands_end() -> None:
    waiting = InFlight(100, 5.0)
    first, refused = command(b"1", size=60), command(b"2", size=41)
    assert waiting.add(first)
    assert not waiting.add(refused)
    assert not refused.session.busy
    assert waiting.add(command(b"3", size=40))
    waiting.end(first.session, b"1")
    assert waiting.add(command(b"4", size=60))


def test_a_command_is_forgotten_when_the_proxy_has_given_it_up_and_no_sooner() -> None:
    waiting = InFlight(1000, 5.0)
    old, young = command(b"1", 0.0), command(b"2", 1.0)
    waiting.add(old)
    waiting.add(young)
    assert waiting.expire(5.0) == 0
    assert waiting.expire(5.1) == 1
    assert old.done
    assert list(waiting) == [young]
    assert waiting.expire(100) == 1
    assert waiting.expire(100) == 0


def test_commands_may_end_while_they_are_gone_through() -> None:
    waiting = InFlight(1000, 5.0)
    for number in range(5):
        waiting.add(command(b"%d" % number))
    for each in waiting:
        waiting.end(each.session, each.cookie)
    assert len(waiting) == 0


def test_a_store_keeps_each_request_for_as_long_as_it_waits() -> None:
    store = Store()
    waiting = InFlight(1000, 5.0, store)
    first, second = command(b"1", size=1), command(b"2", size=2)
    waiting.add(first)
    waiting.add(second)
    assert store.kept == {0: bytes(1), 1: bytes(2)}
    waiting.end(first.session, b"1")
    assert store.kept == {1: bytes(2)}
    waiting.expire(100)
    assert store.kept == {}


def test_a_request_for_which_the_store_has_no_room_waits_all_the_same() -> None:
    store = Store()
    waiting = InFlight(1000, 5.0, store)
    three = [command(b"%d" % number) for number in range(3)]
    assert all(waiting.add(each) for each in three)
    assert waiting.end(three[2].session, b"2") is three[2]
    assert len(store.kept) == 2
