"""The third client: what everybody else feels while calls are being torn down."""

import asyncio
import dataclasses
from typing import Self

from slowbye.sip.result import Transaction
from slowbye.sip.transactions import BRIEFLY_S
from slowbye.sip.user_agent import Site, UserAgent

# How long the last OPTIONS may still be answered once the last call is over.
GRACE_S = 5.0

# More would be a load test of the proxy, and of this process.
MIN_INTERVAL_S = 0.010


class Bystander:
    """Sends OPTIONS to the proxy at a fixed interval, whether or not earlier ones were answered.

    A client that waited for its answer before asking again would sample a starved proxy once, and
    an idle one a hundred times: the percentiles would hide the outage.
    """

    def __init__(self, client: UserAgent, hurry: "asyncio.Future[None]", interval_s: float) -> None:
        self._client = client
        self._hurry = hurry
        self._interval_s = interval_s
        self._outstanding: set[asyncio.Task[None]] = set()
        self._measured: list[Transaction] = []
        self._asking = asyncio.create_task(self._ask_regularly())

    @classmethod
    async def start(cls, site: Site, interval_s: float) -> Self:
        """Open a socket of its own and begin.

        Raises:
            OSError: the address is not local, or the proxy refuses the connection.
        """
        hurry = asyncio.get_running_loop().create_future()
        client = UserAgent(dataclasses.replace(site, hurry=hurry), "bystander")
        await client.open()
        return cls(client, hurry, interval_s)

    async def _ask_regularly(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            task = asyncio.create_task(self._ask())
            self._outstanding.add(task)
            task.add_done_callback(self._outstanding.discard)
            due_s += self._interval_s
            await asyncio.sleep(due_s - loop.time())

    async def _ask(self) -> None:
        exchange = await self._client.options()
        self._measured.append(exchange.measured)

    async def stop(self, *, grace_s: float = GRACE_S) -> list[Transaction]:
        """Ask no more, wait a little for the last answers, and return all by their start.

        What is still unanswered then has no status, and the time that it had waited.
        """
        self._asking.cancel()
        if self._outstanding and grace_s > BRIEFLY_S:
            await asyncio.wait(self._outstanding, timeout=grace_s - BRIEFLY_S)
        self._hurry.set_result(None)
        if self._outstanding:
            await asyncio.wait(self._outstanding)
        await self._client.close()
        return sorted(self._measured, key=lambda transaction: transaction.start_ms)
