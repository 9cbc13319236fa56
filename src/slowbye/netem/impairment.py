"""Read one impairment, from a profile or from the command line."""

from collections.abc import Mapping
from typing import TypeVar

from slowbye.errors import SlowbyeError
from slowbye.netem.fields import Fields, Parameter, did_you_mean
from slowbye.netem.model import DISTRIBUTIONS, Direction, Impairment, Match
from slowbye.units import parse_duration_ms, parse_percent, parse_rate_bit

Text = TypeVar("Text", bound=str)

KEYS = (
    "match",
    "between",
    "direction",
    "delay",
    "jitter",
    "distribution",
    "loss",
    "reorder",
    "duplicate",
    "corrupt",
    "rate",
    "limit",
)
# The kernel keeps delays in 32 bits of 64 ns.
_MAX_DELAY_MS = 270_000.0
# netem's rate is 32 bits of bytes per second.
_MAX_RATE_BIT = (2**32 - 1) * 8


def read_impairment(
    entry: object, where: str, parameters: Mapping[str, Parameter] | None = None
) -> Impairment:
    """Read an impairment as a profile writes it, with `KEYS`.

    Raises:
        SlowbyeError: an unknown key, a bad value or a combination that netem does not know; the
            message names `where` and the key.
    """
    fields = Fields(entry, where, KEYS, parameters)
    impairment = Impairment(
        match=Match.parse(fields.required("match"), fields.name("match")),
        between=_between(fields),
        direction=_one_of(fields, "direction", tuple(Direction), Direction.BOTH),
        delay_ms=_duration(fields, "delay"),
        jitter_ms=_duration(fields, "jitter"),
        distribution=_one_of(fields, "distribution", DISTRIBUTIONS, "uniform"),
        loss_pct=_percent(fields, "loss"),
        reorder_pct=_percent(fields, "reorder"),
        duplicate_pct=_percent(fields, "duplicate"),
        corrupt_pct=_percent(fields, "corrupt"),
        rate_bit=None if fields.get("rate") is None else read_rate(fields, "rate"),
        limit=_limit(fields),
    )
    if impairment.reorder_pct and not impairment.delay_ms:
        raise SlowbyeError(
            f"{fields.name('reorder')}: needs a delay; reordered packets are those that escape it"
        )
    if impairment.distribution != "uniform" and not impairment.jitter_ms:
        raise SlowbyeError(f"{fields.name('distribution')}: needs a jitter")
    return impairment


def read_rate(fields: Fields, key: str) -> float:
    """Read a rate, in bit/s, that the kernel can hold.

    Raises:
        SlowbyeError: missing, without a unit, below 8 bit/s or above 34 gbit.
    """
    rate_bit = parse_rate_bit(_unsigned(fields, key), fields.name(key))
    if not 8 <= rate_bit <= _MAX_RATE_BIT:
        raise SlowbyeError(f"{fields.name(key)}: a rate is from 8bit to 34gbit")
    return rate_bit


def _unsigned(fields: Fields, key: str) -> str:
    text = fields.required(key)
    if text.lstrip().startswith("-"):
        raise SlowbyeError(f"{fields.name(key)} {text!r}: must not be negative")
    return text


def _duration(fields: Fields, key: str) -> float:
    if fields.get(key) is None:
        return 0.0
    value_ms = parse_duration_ms(_unsigned(fields, key), fields.name(key))
    if value_ms > _MAX_DELAY_MS:
        raise SlowbyeError(f"{fields.name(key)}: netem delays by at most 270s")
    return value_ms


def _percent(fields: Fields, key: str) -> float:
    if fields.get(key) is None:
        return 0.0
    return parse_percent(_unsigned(fields, key), fields.name(key))


def _limit(fields: Fields) -> int | None:
    text = fields.text("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise SlowbyeError(f"{fields.name('limit')} {text!r}: expected a number of packets")
    return int(text)


def _between(fields: Fields) -> tuple[str, str] | None:
    nets = fields.texts("between")
    if not nets:
        return None
    if len(nets) != 2 or nets[0] == nets[1]:
        raise SlowbyeError(f"{fields.name('between')}: expected two nets, such as [sip, media]")
    return nets[0], nets[1]


def _one_of(fields: Fields, key: str, known: tuple[Text, ...], default: Text) -> Text:
    text = fields.text(key)
    if text is None:
        return default
    for value in known:
        if value == text:
            return value
    raise SlowbyeError(
        f"{fields.name(key)} {text!r}: expected one of {', '.join(known)}"
        f"{did_you_mean(text, known)}"
    )
