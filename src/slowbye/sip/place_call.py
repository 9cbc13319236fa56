"""One call from INVITE to the answer of its BYE, seen from both sides."""

import asyncio
import contextlib
from dataclasses import dataclass

from slowbye.sip.leg import Headers, Leg
from slowbye.sip.media import MediaStream
from slowbye.sip.result import CallResult, HangupSide, Transaction
from slowbye.sip.sdp import SdpError
from slowbye.sip.transactions import BRIEFLY_S, TIMER_B_S, Exchange
from slowbye.sip.user_agent import Site, UserAgent
from slowbye.sip.wording import explain


@dataclass(frozen=True)
class CallPlan:
    """What a call is to be like.

    Attributes:
        media_s: how long RTP is exchanged after the answer.
        headers: added to INVITE, BYE and CANCEL.
    """

    hangup: HangupSide
    media_s: float
    headers: Headers


class Telephone:
    """A pair of users who call each other, and the loose ends of their calls."""

    def __init__(self, site: Site, caller: UserAgent, callee: UserAgent) -> None:
        self._site = site
        self._caller = caller
        self._callee = callee
        self._loose_ends: set[asyncio.Task[None]] = set()

    async def place(self, plan: CallPlan) -> CallResult:
        """Place a call and return what came of it; a failed call is a result too."""
        try:
            caller_media = await MediaStream.open(self._site.bind)
            try:
                callee_media = await MediaStream.open(self._site.bind)
            except OSError:
                caller_media.close()
                raise
        except OSError as fault:
            return self._not_placed(plan, f"no port for the media: {fault.strerror or fault}")
        leg = self._caller.calling(self._callee.address, caller_media, plan.headers)
        self._callee.expect(leg.call_id, callee_media, plan.headers)
        try:
            return await self._run(leg, plan)
        finally:
            callee_media.close()

    async def _run(self, leg: Leg, plan: CallPlan) -> CallResult:
        invite = await leg.invite()
        failure = explain(invite, self._site.hurry.done())
        bye = None
        if invite.succeeded and invite.response is not None:
            try:
                leg.talk(invite.response)
                await self._wait(plan.media_s)
            except SdpError as fault:
                failure = f"INVITE: answered, but {fault}"
            bye = await self._hang_up(leg, plan.hangup)
            failure = failure or explain(bye, self._site.hurry.done())
        answered = self._callee.answered(leg.call_id)
        caller = leg.media.flow()
        callee = None if answered is None else answered.media.flow()
        if invite.response is None and not invite.lost:
            self._give_up(leg, invite)
        else:
            leg.close()
        if answered is not None:
            answered.close()
        return CallResult(
            call_id=leg.call_id,
            hangup=plan.hangup,
            failure=failure,
            invite=invite.measured,
            bye=None if bye is None else bye.measured,
            caller=caller,
            callee=callee,
            rtp_ok=callee is not None and caller.rtp_received > 0 and callee.rtp_received > 0,
        )

    def _not_placed(self, plan: CallPlan, failure: str) -> CallResult:
        return CallResult(
            call_id="",
            hangup=plan.hangup,
            failure=failure,
            invite=Transaction("INVITE", round(self._site.clock.now_ms(), 3), 0.0, None),
            bye=None,
            caller=None,
            callee=None,
            rtp_ok=False,
        )

    async def _wait(self, media_s: float) -> None:
        """Let the media flow, unless the batch is interrupted."""
        await asyncio.wait({self._site.hurry}, timeout=media_s)

    async def _hang_up(self, leg: Leg, side: HangupSide) -> Exchange:
        answered = self._callee.leg(leg.call_id)
        if side == "caller" or answered is None:
            return await leg.bye()
        # RFC 3261 §15: not before the ACK.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(answered.confirmed.wait(), BRIEFLY_S)
        return await answered.bye()

    def _give_up(self, leg: Leg, invite: Exchange) -> None:
        task = asyncio.create_task(self._cancel(leg, invite))
        self._loose_ends.add(task)
        task.add_done_callback(self._loose_ends.discard)

    async def _cancel(self, leg: Leg, invite: Exchange) -> None:
        try:
            if invite.proceeding:
                await leg.cancel(invite.request)
            await asyncio.wait({invite.running}, timeout=TIMER_B_S)
            if invite.running.done() and invite.running.exception() is None:
                response = invite.running.result()
                if response.code < 300:
                    await leg.hang_up_late(response)
        finally:
            leg.close()

    async def tidy(self) -> None:
        """Wait briefly for the ends of calls that were given up."""
        if self._loose_ends:
            await asyncio.wait(self._loose_ends, timeout=BRIEFLY_S)
        for task in self._loose_ends:
            task.cancel()
