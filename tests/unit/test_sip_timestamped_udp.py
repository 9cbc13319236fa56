import asyncio
import time

import pytest

from slowbye.sip.timestamped_udp import TimestampedUdp

BUSY_S = 0.05


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_datagram_that_waited_to_be_read_tells_how_long(host: str) -> None:
    async def scenario() -> list[tuple[bytes, float]]:
        got: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()

        def received(data: bytes, source: tuple[str, int], age_ms: float) -> None:
            got.put_nowait((data, age_ms))

        receiver = TimestampedUdp(host, received)
        sender = TimestampedUdp(host, received)

        async def wait_to_be_read(*datagrams: bytes) -> list[tuple[bytes, float]]:
            for data in datagrams:
                sender.sendto(data, receiver.get_extra_info("sockname"))
            # The event loop is kept from reading, as by anything else that it has to do.
            time.sleep(BUSY_S)
            return [await got.get() for _ in datagrams]

        async with asyncio.timeout(5):
            # The kernel begins to stamp on arrival only some time after the first socket asked for
            # it (net_enable_timestamp in net/core/dev.c); until then it stamps when it is read.
            while (await wait_to_be_read(b"stamped yet?"))[0][1] < BUSY_S * 1000:
                pass
            result = await wait_to_be_read(b"first", b"second")
        sender.close()
        receiver.close()
        receiver.close()
        sender.sendto(b"into the void", ("127.0.0.1", 9))
        return result

    got = asyncio.run(scenario())
    assert [data for data, _ in got] == [b"first", b"second"]
    assert all(age_ms >= BUSY_S * 1000 for _, age_ms in got)


def test_an_address_of_another_host_is_refused() -> None:
    async def scenario() -> None:
        TimestampedUdp("192.0.2.1", lambda *_: None)

    with pytest.raises(OSError, match="assign"):
        asyncio.run(scenario())
