"""A run's figures, made of what the two captures show."""

import pytest
from reproduce_samples import same
from test_reproduce_plan import ALL, inventory, plan
from test_reproduce_run import batch, call

from slowbye.measure.ng_trace import Exchange, NgTrace
from slowbye.reproduce.figures import Measured, make_run
from slowbye.reproduce.run import Run


def traced(*exchanges: Exchange, garbled: int = 0) -> NgTrace:
    return NgTrace({(each.cookie, n): each for n, each in enumerate(exchanges)}, garbled)


def exchange(command: str, cookie: str, ms: float, reply_bytes: int = 240) -> Exchange:
    return Exchange(
        command, 0, 0, reply_ms=ms, reply_bytes=reply_bytes, reply_fragments=1, cookie=cookie
    )


def tunnelled(at_proxy: NgTrace, at_rtpengine: NgTrace, bye_ms: float = 64) -> Run:
    made = plan(inventory(**ALL), paths=["direct", "ngtunnel"], profiles=["fragment-drop"])
    measured = Measured(batch(call(0, bye_ms)), at_proxy, at_rtpengine, False, 20.3)
    return make_run(made, *made.runs[1], measured, clean_bye_p99_ms=64)


@pytest.mark.parametrize(("reply_bytes", "large"), [(1472, False), (1473, True)])
def test_a_reply_on_a_loopback_is_large_if_a_wan_would_have_cut_it(
    reply_bytes: int, large: bool
) -> None:
    at_proxy = traced(exchange("delete", "1", 22, reply_bytes))
    run = tunnelled(at_proxy, traced(exchange("delete", "1", 1, reply_bytes)))
    assert run.reply_fragmented == large
    assert run.verdict is not None
    assert run.verdict.ok == large


def test_what_reached_rtpengine_by_another_path_is_left_out() -> None:
    at_proxy = traced(exchange("offer", "1", 21), exchange("delete", "2", 23, 3326))
    arrived = [exchange("offer", "1", 1), exchange("delete", "2", 2, 3326)]
    run = tunnelled(at_proxy, traced(*arrived, exchange("ping", "9", 1)))
    assert run.rtpengine_ms == {"offer": 1, "delete": 2}
    assert (run.ng_ms.p50, run.ng_ms.p99) == (21, 23)


def test_trouble_at_either_end_is_counted() -> None:
    twice = exchange("delete", "1", 22, 3326)
    twice.replies = 2
    run = tunnelled(traced(twice, garbled=1), traced(twice, garbled=2))
    assert (run.garbled, run.duplicated) == (3, 1)
    assert run.verdict is not None
    assert run.verdict.reasons == [
        "3 datagrams came out cut or merged",
        "1 replies came out twice",
    ]


def test_the_tunnel_is_judged_by_the_clean_direct_run() -> None:
    delete = exchange("delete", "1", 22, 3326)
    slow = tunnelled(traced(delete), traced(delete), bye_ms=73)
    assert slow.bye_ms == same(73)
    assert slow.verdict is not None
    assert "more than 72 ms: 1.1 times that of direct" in slow.verdict.reasons[0]
