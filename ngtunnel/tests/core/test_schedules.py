"""Random schedules: links die, replies come late, processes stop, proxies ask again.

Whatever happens, a peer gets no reply that it did not ask for (the wiring checks each one), and
when all is quiet again nothing is left of it at either end.
"""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ngtunnel.config import Limits, Timing
from ngtunnel.core.backoff import Backoff
from ngtunnel.core.client import ClientCore
from ngtunnel.core.commands import Peer
from ngtunnel.core.counters import Counters
from ngtunnel.core.ng import result_of
from ngtunnel.core.server import ServerCore
from tests.core.wiring import Tunnel, client_config, echo, request, server_config

PEERS: list[Peer] = [("127.0.0.1", port) for port in range(40_000, 40_005)]
LIMITS = Limits(sessions=4, session_idle=1.0, queue_bytes=4096, datagram_bytes=2000)
TIMING = Timing(command_timeout=2.0)

links = st.integers(0, 1)
pauses = st.sampled_from([0.0005, 0.005, 0.03, 0.1, 0.4, 0.9, 1.5, 3.0])


def kept(thing: Any, seen: set[int] | None = None) -> int:
    """Count what all tables, queues and buffers hold that can be reached from here."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, Counters | Backoff | str | bytes | int | float):
        return 0
    seen.add(id(thing))
    if isinstance(thing, bytearray):
        return len(thing)
    if isinstance(thing, dict):
        return len(thing) + sum(kept(each, seen) for each in thing.values())
    if isinstance(thing, list | tuple | set | deque):
        return len(thing) + sum(kept(each, seen) for each in thing)
    if not type(thing).__module__.startswith("ngtunnel.core"):
        return 0
    names = list(getattr(thing, "__dict__", ()))
    for each in type(thing).__mro__:
        names += getattr(each, "__slots__", ())
    return sum(kept(getattr(thing, name, None), seen) for name in names)


class Schedules(RuleBasedStateMachine):
    """A tunnel to which anything may happen."""

    tunnel: Tunnel
    fresh: tuple[int, int]

    @initialize(seed=st.integers(0, 1000), latency=st.sampled_from([0.0001, 0.01, 0.15]))
    def begin(self, seed: int, latency: float) -> None:
        """Set up a tunnel, and see how little it keeps."""
        self.tunnel = Tunnel(
            client_config(timing=TIMING, limits=LIMITS),
            server_config(timing=TIMING, limits=LIMITS),
            seed=seed,
            latency=latency,
            offset=seed * 7919.0,
        ).start(2)
        self.fresh = kept(self.tunnel.client), kept(self.tunnel.server)

    @rule(
        peer=st.sampled_from(PEERS),
        cookie=st.integers(0, 3),
        size=st.sampled_from([6, 6, 300, 1900, 2100]),
        times=st.integers(1, 3),
    )
    def ask(self, peer: Peer, cookie: int, size: int, times: int) -> None:
        """Send a request, once or several times."""
        for _ in range(times):
            self.tunnel.ask(request(b"%d" % cookie, "delete" + "x" * (size - 6)), peer)

    @rule(pause=pauses)
    def wait(self, pause: float) -> None:
        """Let time pass."""
        self.tunnel.advance(pause)

    @rule(delay=st.sampled_from([0.0, 0.01, 0.08, 0.45, 0.7, 1.2, 2.5]), copies=st.integers(0, 2))
    def change_target(self, delay: float, copies: int) -> None:
        """Have the target answer sooner or later, twice or never."""
        answer = echo(delay)
        self.tunnel.target = lambda datagram: answer(datagram) * copies

    @rule(down=st.booleans())
    def target_listens(self, down: bool) -> None:
        """Stop the target, or start it."""
        self.tunnel.target_down = down

    @rule(index=links)
    def reset(self, index: int) -> None:
        """Reset a link."""
        self.tunnel.reset(index)

    @rule(index=links, up=st.booleans(), down=st.booleans(), room=st.sampled_from([0, 1 << 20]))
    def stall(self, index: int, up: bool, down: bool, room: int) -> None:
        """Have a link carry nothing any more, one way or both."""
        self.tunnel.stall(index, up=up, down=down, room=room)

    @rule(index=links)
    def resume(self, index: int) -> None:
        """Have a link carry what waited."""
        self.tunnel.resume(index)

    @rule(index=links, data=st.binary(max_size=40), up=st.booleans())
    def garbage(self, index: int, data: bytes, up: bool) -> None:
        """Send garbage over a link."""
        self.tunnel.inject(index, data, up=up)

    @rule()
    def kill_server(self) -> None:
        """Have the server die."""
        self.tunnel.kill_server()

    @rule()
    def start_server(self) -> None:
        """Have the server listen."""
        self.tunnel.start_server()

    @rule()
    def drain_server(self) -> None:
        """Have the server say that it is about to stop."""
        self.tunnel.server.drain(self.tunnel.now)

    @rule(seconds=pauses)
    def pause_client(self, seconds: float) -> None:
        """Stop the client's process for a while."""
        self.tunnel.pause_client(seconds)

    @rule(seconds=pauses)
    def pause_server(self, seconds: float) -> None:
        """Stop the server's process for a while."""
        self.tunnel.pause_server(seconds)

    @rule(unreachable=st.booleans())
    def route(self, unreachable: bool) -> None:
        """Have new connections get nowhere, or through."""
        self.tunnel.unreachable = unreachable

    @invariant()
    def nothing_exceeds_its_bound(self) -> None:
        """Tables and queues stay as small as they are configured."""
        if not hasattr(self, "tunnel"):
            return
        for core in (self.tunnel.client, self.tunnel.server):
            shown = core.snapshot(0, 0, 0)
            assert shown.sessions <= LIMITS.sessions
            assert all(link.queue_bytes <= 2 * LIMITS.queue_bytes for link in shown.links)
        assert len(self.tunnel.client.links) <= 2

    def teardown(self) -> None:
        """Mend everything: the tunnel works again, and has forgotten the rest."""
        if not hasattr(self, "tunnel"):
            return
        tunnel = self.tunnel
        tunnel.unreachable = tunnel.server_down = tunnel.target_down = False
        tunnel.target = echo()
        for index in (0, 1):
            tunnel.resume(index)
        # A link that drains does so until its server ends it.
        tunnel.kill_server()
        tunnel.start_server()
        tunnel.advance(10)
        assert len(tunnel.client.links) == 2
        assert (tunnel.client.in_flight, tunnel.server.in_flight) == (0, 0)
        assert (kept(tunnel.client), kept(tunnel.server)) == self.fresh
        tunnel.ask(request(b"last"), PEERS[0])
        tunnel.advance(0.5)
        assert [result_of(each.data) for each in tunnel.answers(b"last", PEERS[0])] == ["ok"]


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=100, stateful_step_count=40)


def test_the_count_of_what_is_kept_sees_every_table() -> None:
    tunnel = Tunnel(target=lambda _: []).start()
    client, server = kept(tunnel.client), kept(tunnel.server)
    assert isinstance(tunnel.client, ClientCore)
    assert isinstance(tunnel.server, ServerCore)
    for index in (0, 1):
        tunnel.stall(index, down=False, room=0)
    tunnel.ask(request(b"1"))
    # A session by peer and by number, a command by peer and by number, a hedge, a link's queue.
    assert kept(tunnel.client) >= client + 6
    for index in (0, 1):
        tunnel.resume(index)
    tunnel.advance(0.1)
    assert kept(tunnel.server) >= server + 2
