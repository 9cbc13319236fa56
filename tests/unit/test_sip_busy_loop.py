import asyncio
import socket
import threading
import time
from contextlib import closing

import sipmessage
from sipua import TransportAddress, create_response

from slowbye.sip.clock import Clock
from slowbye.sip.result import Transaction
from slowbye.sip.user_agent import Site, UserAgent

BUSY_S = 0.2


def answer_one(server: socket.socket, allowed: threading.Event, answered: threading.Event) -> None:
    """A proxy in a thread of its own, which answers while the client's event loop is busy."""
    data, source = server.recvfrom(65_535)
    request = sipmessage.Message.parse(data)
    assert isinstance(request, sipmessage.Request)
    response = create_response(request=request, code=200)
    response.content_length = 0
    allowed.wait(5)
    server.sendto(bytes(response), source)
    answered.set()


def test_a_busy_event_loop_does_not_lengthen_what_is_measured() -> None:
    allowed, answered = threading.Event(), threading.Event()

    async def scenario(address: tuple[str, int]) -> Transaction:
        loop = asyncio.get_running_loop()
        site = Site(
            proxy=TransportAddress("udp", *address),
            domain="example.test",
            bind="127.0.0.1",
            timeout_s=5,
            clock=Clock(),
            hurry=loop.create_future(),
        )
        client = UserAgent(site, "bystander")
        await client.open()
        asking = asyncio.create_task(client.options())
        # Let it be sent; the answer comes only once the loop is kept from reading it.
        for _ in range(5):
            await asyncio.sleep(0)
        allowed.set()
        assert answered.wait(5)
        time.sleep(BUSY_S)
        exchange = await asking
        await client.close()
        return exchange.measured

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        threading.Thread(target=answer_one, args=(server, allowed, answered), daemon=True).start()
        measured = asyncio.run(scenario(server.getsockname()))
    assert measured.status == 200
    assert measured.ms < BUSY_S * 1000 / 2
