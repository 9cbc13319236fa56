"""The figures that ngtunnel must reach, and whether it did."""

from dataclasses import dataclass

from bench.cases import EIGHT, ONE, THOUSAND, WAN_CASES
from bench.figures import Spread, over_rounds, ratios, wrong_datagrams
from bench.session import Results
from bench.variants.ngtunnel import PLAIN, RAW, TLS
from bench.variants.socat import SOCAT
from bench.wan.session import LOSSY

_P50_TO_SOCAT = 1.1
_RATE_TO_SOCAT = 2.0
_TLS_COST = 0.25
_RESIDENT_MIB = 64
_P99_TO_RTT = 3
_ENDS = 2
_MIB = 1 << 20


@dataclass(frozen=True)
class Judged:
    """One target.

    Attributes:
        target: in words.
        found: what was measured, in words.
        ok: whether it was reached; None: not measured.
    """

    target: str
    found: str
    ok: bool | None


def judge(results: Results) -> list[Judged]:
    """Compare what was measured with each target."""
    return [
        _p50(results),
        _rate(results),
        _tls(results),
        _wrong(results),
        *(_memory(results, name) for name in (PLAIN.name, TLS.name)),
    ]


def judge_wan(results: Results) -> list[Judged]:
    """Compare what was measured across the WAN with each target."""
    return [
        *(_p99(results, name) for name in (PLAIN.name, TLS.name)),
        _wrong(results),
    ]


def _p99(results: Results, name: str) -> Judged:
    most_ms = _P99_TO_RTT * LOSSY.rtt_ms
    target = f"{LOSSY.name}, {name}: p99 at most {_P99_TO_RTT} x RTT ({most_ms} ms) in each case"
    found_ms = {}
    for case in WAN_CASES:
        measured = results.of(LOSSY.applied_to(case).name, name)
        if p99 := over_rounds(measured, lambda each: each.p99_us):
            found_ms[case.name] = p99.median / 1000
    if not found_ms:
        return Judged(target, "not measured", None)
    words = ", ".join(f"{case} {value:.1f} ms" for case, value in found_ms.items())
    return Judged(target, words, max(found_ms.values()) <= most_ms)


def _p50(results: Results) -> Judged:
    ratio = ratios(
        results.of(ONE.name, PLAIN.name),
        results.of(ONE.name, SOCAT.name),
        lambda each: each.p50_us,
    )
    target = f"one in flight, plain: p50 at most {_P50_TO_SOCAT:g} x socat's"
    return _ratio(target, ratio, ratio is not None and ratio.median <= _P50_TO_SOCAT)


def _rate(results: Results) -> Judged:
    ratio = ratios(
        results.of(EIGHT.name, PLAIN.name),
        results.of(EIGHT.name, SOCAT.name),
        lambda each: each.per_second,
    )
    target = f"8 x 8 in flight, plain: at least {_RATE_TO_SOCAT:g} x socat's round trips/s"
    return _ratio(target, ratio, ratio is not None and ratio.median >= _RATE_TO_SOCAT)


def _tls(results: Results) -> Judged:
    ratio = ratios(
        results.of(EIGHT.name, TLS.name),
        results.of(EIGHT.name, PLAIN.name),
        lambda each: each.per_second,
    )
    target = f"8 x 8 in flight: TLS costs at most {_TLS_COST:.0%} of plain's round trips/s"
    return _ratio(target, ratio, ratio is not None and ratio.median >= 1 - _TLS_COST)


def _ratio(target: str, ratio: Spread | None, ok: bool | None) -> Judged:
    if ratio is None:
        return Judged(target, "not measured", None)
    return Judged(target, f"x {ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})", ok)


def _wrong(results: Results) -> Judged:
    total: dict[str, int] = {}
    round_trips = 0
    for case in {case for case, _ in results.measured}:
        for variant in (PLAIN, TLS, RAW):
            measured = results.of(case, variant.name)
            round_trips += sum(each.round_trips for each in measured.values())
            for kind, count in wrong_datagrams(measured).items():
                total[kind] = total.get(kind, 0) + count
            # Only one that knows of ng may send a request again.
            repeated = sum(each.repeated for each in measured.values())
            if variant is RAW and repeated:
                total["repeated"] = total.get("repeated", 0) + repeated
    if not round_trips:
        return Judged("no wrong datagram", "not measured", None)
    found = ", ".join(f"{count} {kind}" for kind, count in total.items()) or "none"
    return Judged("no wrong datagram", f"{found} in {round_trips} round trips", not total)


def _memory(results: Results, name: str) -> Judged:
    target = (
        f"1000 peers, {name}: both ends under {_RESIDENT_MIB} MiB resident, no process per peer"
    )
    measured = results.of(THOUSAND.name, name)
    rss = over_rounds(measured, lambda each: each.memory.rss_bytes / _MIB)
    processes = over_rounds(measured, lambda each: each.memory.processes)
    if rss is None or processes is None:
        return Judged(target, "not measured", None)
    ok = rss.high < _RESIDENT_MIB and processes.high <= _ENDS
    return Judged(target, f"{rss.high:.1f} MiB, {processes.high:.0f} processes", ok)
