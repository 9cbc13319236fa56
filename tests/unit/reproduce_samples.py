"""Runs and sessions as the lab measures them, for tests to bend."""

from dataclasses import replace
from typing import Any

from slowbye.measure.ng_trace import CommandTimes
from slowbye.measure.percentiles import Percentiles
from slowbye.netem.model import Effect
from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.installed import Proxy
from slowbye.reproduce.results import Session, WanUsed
from slowbye.reproduce.run import Run
from slowbye.reproduce.verdict import judge

NOTHING = Percentiles(None, None, None)


def same(value_ms: float) -> Percentiles:
    return Percentiles(value_ms, value_ms, value_ms)


def command(p50_ms: float | None, reply_bytes: int = 240, **changes: Any) -> CommandTimes:
    times = CommandTimes(
        count=20,
        p50=p50_ms,
        p99=p50_ms,
        max=p50_ms,
        reply_bytes_max=reply_bytes,
        fragmented=0,
        retransmits=0,
        unanswered=0,
        late=0,
        gave_up=NOTHING,
    )
    return replace(times, **changes)


def clean_run(**changes: Any) -> Run:
    run = Run(
        path="direct",
        profile="clean",
        profile_args={},
        effect="none",
        at_once=10,
        calls=20,
        failed=0,
        failures={},
        rtp_ok=20,
        setup_ms=same(90),
        bye_ms=same(64),
        bystander_ms=same(21),
        byes_under_way=10,
        starved_ms=60,
        ng={"offer": command(21), "answer": command(21), "delete": command(22, 1851)},
        reply_fragmented=True,
        rtpengine_ms={"delete": 0.3},
        node_disabled=False,
        rtt_measured_ms=20.3,
    )
    return replace(run, **changes)


def delayed_run(delay_ms: float = 4000, **changes: Any) -> Run:
    run = clean_run(
        profile="fragment-delay",
        profile_args={"delay_ms": delay_ms},
        effect="fragments-late",
        bye_ms=same(delay_ms + 64),
        bystander_ms=same(delay_ms - 500),
        starved_ms=delay_ms,
        ng={
            "offer": command(21),
            "answer": command(21),
            "delete": command(delay_ms + 20, 1851, fragmented=20),
        },
    )
    return replace(run, **changes)


def outage_run(**changes: Any) -> Run:
    run = delayed_run(
        6000,
        failed=10,
        failures={"INVITE: 503 Service Unavailable": 10},
        rtp_ok=10,
        node_disabled=True,
        bye_ms=same(5064),
    )
    return replace(run, **changes)


def late(delay_ms: float = 4000, **changes: Any) -> Conditions:
    conditions = Conditions(Effect.FRAGMENTS_LATE, delay_ms=delay_ms, rtt_ms=20)
    return replace(conditions, **changes)


def under(effect: Effect) -> Conditions:
    return Conditions(effect, delay_ms=0, rtt_ms=20)


def session() -> Session:
    clean, slow = clean_run(), delayed_run()
    return Session(
        started="2026-01-01T00:00:00Z",
        proxy=Proxy("kamailio", "5.6.3", "OpenSIPS's repository cannot be reached"),
        rtpengine_version="10.5.3.5",
        wan=WanUsed("uml", "6.1.176", 20, 20.31),
        calls={"number": 20, "at_once": 10, "media": "2s", "media_ms": 2000, "transport": "udp"},
        patience={"workers": 8, "try_ms": 1000, "tries": 5},
        runs=[
            replace(clean, verdict=judge(clean, under(Effect.NONE))),
            replace(slow, verdict=judge(slow, late())),
        ],
    )
