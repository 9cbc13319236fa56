"""The load: peers that send ng-like requests, and check every byte of every reply.

The loop is closed (``in_flight`` requests of each peer are under way, a reply lets the next one
go), or paced when ``per_second`` is given. A request that came to grief, as far as one can see
from a wrong datagram, makes room for the next at once: that favours a tunnel at fault, whose
stalls would otherwise be all that is measured.
"""

import contextlib
import itertools
import select
import socket
import struct
import time

from bench.load import Load, Tally
from bench.payload import COOKIE_BYTES, REPLY_TAIL, Make, replies, requests
from bench.peer import Peer
from bench.verify import Content, Wrong, judge

LOST_AFTER_S = 1.0
"""After this a proxy sends again (OpenSIPS, Kamailio: ``rtpengine_tout``), so it counts as lost."""

_TICK_NS = 100
_CHECK_NS = 50_000_000
_READY_S = 15.0
_INTRODUCED = 64
_RETRY_S = 0.02
_LATE_S = 0.3
_LONGEST = 65_536


class Generator:
    """Sends, receives and checks."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._request: Make = requests(load.request_bytes)
        self._reply: Make = replies(load.reply_bytes)
        self._peers = [
            Peer(number, source, destination)
            for number, (source, destination) in enumerate(load.peers)
        ]
        self._by_descriptor = {peer.socket.fileno(): peer for peer in self._peers}
        self._epoll = select.epoll()
        for descriptor in self._by_descriptor:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._turn = itertools.cycle(self._peers)
        self.tally = Tally()

    def wait_until_answered(self) -> None:
        """Let the first peers send, one after another, until they are answered.

        A tunnel may need a moment to connect. And socat loses or misdelivers what arrives while
        it forks for another peer: with few peers what is measured is what follows; with many, the
        others come during the load.

        Raises:
            TimeoutError: nothing answers.
        """
        for peer in self._peers[:_INTRODUCED]:
            deadline = time.monotonic() + _READY_S
            peer.socket.settimeout(0.25)
            while not self._answers(peer):
                if time.monotonic() > deadline:
                    host, port = peer.destination
                    raise TimeoutError(f"no reply from {host}:{port}")

    def _answers(self, peer: Peer) -> bool:
        name = peer.next_cookie()
        peer.spoiled.add(name)
        try:
            peer.send(self._request(name))
            datagram = peer.socket.recv(_LONGEST)
        except TimeoutError:
            return False
        except ConnectionError:
            time.sleep(_RETRY_S)
            return False
        # Where every reply is late, it is one to an earlier request.
        answered = datagram[:COOKIE_BYTES]
        right = answered in peer.spoiled and datagram == self._reply(answered)
        if right:
            peer.spoiled.remove(answered)
        else:
            time.sleep(_RETRY_S)
        return right

    def one_in_flight(self, until_ns: int) -> None:
        """Ping-pong of one peer, with as few system calls as possible."""
        (peer,) = self._peers
        peer.socket.setblocking(True)
        timeout = struct.pack("ll", 0, int(LOST_AFTER_S * 100_000))
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        send, receive = peer.send, peer.socket.recv
        request, reply, clock = self._request, self._reply, time.perf_counter_ns
        ticks, name = self.tally.ticks, b""
        now = clock()
        while now < until_ns:
            if not peer.sent_ns:
                name = peer.next_cookie()
                datagram = request(name)
                now = clock()
                peer.sent_ns[name] = now
                send(datagram)
            try:
                datagram = receive(_LONGEST)
            except OSError:
                now = clock()
                self._expire(peer, now)
                continue
            now = clock()
            if datagram == reply(name) and (sent := peer.sent_ns.pop(name, None)):
                ticks[(now - sent) // _TICK_NS] += 1
            else:
                self._puzzling(peer, datagram)

    def many_in_flight(self, until_ns: int) -> None:
        """Keep ``in_flight`` requests of every peer under way."""
        clock, in_flight = time.perf_counter_ns, self._load.in_flight
        self._do_not_block()
        self._fill_up()
        next_check = now = clock()
        while now < until_ns:
            for descriptor, _ in self._epoll.poll(0.05):
                peer = self._by_descriptor[descriptor]
                self._receive(peer)
                while len(peer.sent_ns) < in_flight:
                    self._send(peer)
            now = clock()
            if now >= next_check:
                next_check = now + _CHECK_NS
                self._expire_all(now)
                self._fill_up()

    def paced(self, until_ns: int, per_second: float) -> None:
        """Send at a steady rate, each peer in turn."""
        clock, turn = time.perf_counter_ns, self._turn
        interval_ns = int(1e9 / per_second)
        self._do_not_block()
        due = next_check = now = clock()
        while now < until_ns:
            while due <= now:
                self._send(next(turn))
                due += interval_ns
            self._receive_within(max(0.0, (due - clock()) / 1e9))
            now = clock()
            if now >= next_check:
                next_check = now + _CHECK_NS
                self._expire_all(now)

    def drain(self) -> None:
        """Wait for what is under way, and count as lost what does not come."""
        self._do_not_block()
        deadline = time.monotonic() + LOST_AFTER_S + 0.1
        while time.monotonic() < deadline and any(peer.sent_ns for peer in self._peers):
            self._receive_within(0.05)
            self._expire_all(time.perf_counter_ns())
        # What is still on its way is late, or a duplicate.
        while self._receive_within(_LATE_S):
            pass
        self.tally.wrong[Wrong.LOST] = sum(len(peer.overdue) for peer in self._peers)

    def close(self) -> None:
        """Close all sockets."""
        self._epoll.close()
        for peer in self._peers:
            peer.socket.close()

    def _receive_within(self, seconds: float) -> int:
        events = self._epoll.poll(seconds)
        for descriptor, _ in events:
            self._receive(self._by_descriptor[descriptor])
        return len(events)

    def _send(self, peer: Peer) -> None:
        name = peer.next_cookie()
        datagram = self._request(name)
        peer.sent_ns[name] = time.perf_counter_ns()
        # What cannot be sent, or meets a closed port, is found lost.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            peer.send(datagram)

    def _receive(self, peer: Peer) -> None:
        try:
            datagram = peer.socket.recv(_LONGEST)
        except (BlockingIOError, ConnectionError):
            return
        now = time.perf_counter_ns()
        name = datagram[:COOKIE_BYTES]
        if name in peer.sent_ns and datagram == self._reply(name):
            self.tally.ticks[(now - peer.sent_ns.pop(name)) // _TICK_NS] += 1
            if self._load.fresh_sockets and not peer.sent_ns:
                self._take_new_socket(peer)
        else:
            self._puzzling(peer, datagram)

    def _take_new_socket(self, peer: Peer) -> None:
        descriptor = peer.socket.fileno()
        self._epoll.unregister(descriptor)
        del self._by_descriptor[descriptor]
        peer.take_new_socket()
        peer.socket.setblocking(False)
        self._by_descriptor[peer.socket.fileno()] = peer
        self._epoll.register(peer.socket.fileno(), select.EPOLLIN)

    def _puzzling(self, peer: Peer, datagram: bytes) -> None:
        verdict = judge(datagram, self._reply, REPLY_TAIL)
        if verdict.content is Content.WHOLE:
            self._unexpected(peer, verdict.whole[0])
            return
        for name in verdict.cookies:
            if peer.sent_ns.pop(name, None) is not None:
                peer.spoiled.add(name)
        if verdict.content is Content.ERROR:
            self.tally.errors += 1
        else:
            self.tally.wrong[verdict.content] += 1

    def _unexpected(self, peer: Peer, name: bytes) -> None:
        if not peer.was_sent(name):
            self.tally.wrong[Wrong.MISDELIVERED] += 1
        elif name in peer.overdue:
            peer.overdue.remove(name)
            peer.spoiled.add(name)
            self.tally.late += 1
        elif name in peer.spoiled:
            peer.spoiled.remove(name)
        else:
            self.tally.wrong[Wrong.DUPLICATED] += 1

    def _expire_all(self, now_ns: int) -> None:
        for peer in self._peers:
            if peer.sent_ns:
                self._expire(peer, now_ns)

    def _expire(self, peer: Peer, now_ns: int) -> None:
        oldest_ns = now_ns - int(LOST_AFTER_S * 1e9)
        overdue = []
        for name, sent in peer.sent_ns.items():
            if sent > oldest_ns:
                break
            overdue.append(name)
        for name in overdue:
            del peer.sent_ns[name]
            peer.overdue.add(name)

    def _fill_up(self) -> None:
        for peer in self._peers:
            while len(peer.sent_ns) < self._load.in_flight:
                self._send(peer)

    def _do_not_block(self) -> None:
        for peer in self._peers:
            peer.socket.setblocking(False)
