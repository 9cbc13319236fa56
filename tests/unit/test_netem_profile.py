from pathlib import Path

import pytest
import yaml

from slowbye.errors import SlowbyeError
from slowbye.netem import Effect, Load, Shape, load_profile, profile_names
from slowbye.netem.impairment import read_impairment

NAMES = (
    "clean",
    "fragment-delay",
    "fragment-drop",
    "fragment-reorder",
    "lossy",
    "low-priority",
    "udp-blocked",
)


def test_the_profiles_are_those_of_the_design() -> None:
    assert profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_profile_says_in_one_sentence_what_it_does(name: str) -> None:
    description = load_profile(name).description
    assert description.endswith(".")
    assert description.count(".") == 1


@pytest.mark.parametrize(
    ("name", "effect", "parameter"),
    [
        ("clean", Effect.NONE, None),
        ("fragment-delay", Effect.FRAGMENTS_LATE, "delay"),
        ("fragment-drop", Effect.FRAGMENTS_LOST, "loss"),
        ("fragment-reorder", Effect.NONE, None),
        ("lossy", Effect.LOSS, "loss"),
        ("udp-blocked", Effect.UDP_LOST, None),
        ("low-priority", Effect.FRAGMENTS_WAIT, "load"),
    ],
)
def test_each_profile_says_what_to_expect(name: str, effect: Effect, parameter: str | None) -> None:
    profile = load_profile(name)
    assert (profile.effect, profile.effect_parameter) == (effect, parameter)


def test_parameters_have_defaults_that_the_caller_may_override() -> None:
    assert load_profile("fragment-delay").parameters == {"delay": "4s"}
    assert load_profile("fragment-delay").fragment_delay_ms == 4000
    late = load_profile("fragment-delay", {"delay": "250ms"})
    assert (late.fragment_delay_ms, late.impairments[0].delay_ms) == (250, 250)
    assert load_profile("lossy").impairments[0].loss_pct == 1
    assert load_profile("clean").fragment_delay_ms == 0


def test_impairments_are_between_sip_and_media_unless_told_otherwise() -> None:
    assert load_profile("lossy").impairments[0].between == ("sip", "media")
    assert load_profile("lossy", between=None).impairments[0].between is None


def test_low_priority_narrows_a_link_and_asks_for_load() -> None:
    profile = load_profile("low-priority", {"load": "1mbit"})
    assert profile.shape == Shape("sip", 2e6)
    assert profile.load == Load(1e6, "clients", "sip")


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        (
            "fragmentdelay",
            {},
            "unknown profile 'fragmentdelay'; did you mean fragment-delay.*clean",
        ),
        ("nonsense", {}, r"unknown profile 'nonsense' \(known: clean, "),
        ("lossy", {"los": "2%"}, "lossy: unknown parameter 'los'; did you mean loss.*only loss"),
        ("clean", {"delay": "1s"}, "unknown parameter 'delay': it has no parameters"),
        ("fragment-delay", {"delay": "4"}, "fragment-delay: delay '4': the unit is missing"),
        ("fragment-delay", {"delay": "-4s"}, "fragment-delay: delay '-4s': must not be negative"),
        ("fragment-delay", {"delay": "5m"}, "fragment-delay: delay: netem delays by at most 270s"),
        ("lossy", {"loss": "101%"}, "lossy: loss '101%': at most 100%"),
        ("low-priority", {"rate": "1bit"}, "low-priority: rate: a rate is from 8bit"),
        ("/nowhere/x.yml", {}, "/nowhere/x.yml: No such file"),
    ],
)
def test_a_wrong_request_is_answered_in_one_sentence(
    name: str, overrides: dict[str, str], message: str
) -> None:
    with pytest.raises(SlowbyeError, match=message):
        load_profile(name, overrides)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "mine.yml: unknown key 'colour'"),
        ({"effect": "slow"}, "mine.yml: effect 'slow': expected one of none, fragments-late"),
        ({"effect": None}, "mine.yml: the key 'effect' is missing"),
        ({"effect_parameter": "loss"}, "mine.yml: effect_parameter: no parameter 'loss'"),
        ({"impairments": "all"}, "mine.yml: impairments: expected a list"),
        ({"impairments": ["all"]}, r"impairments\[0\]: expected keys and values, found 'all'"),
        ({"impairments": [{}]}, r"impairments\[0\]: the key 'match' is missing"),
        ({"impairments": [{"match": "all", "dealy": "1s"}]}, r"\[0\]: unknown key 'dealy'; did"),
        ({"impairments": [{"match": "all", "delay": 4}]}, r"\[0\]: delay '4': the unit is missing"),
        ({"impairments": [{"match": "all", "delay": "-1s"}]}, "delay '-1s': must not be negative"),
        ({"impairments": [{"match": "all", "delay": "$d"}]}, "delay: there is no parameter 'd'"),
        ({"impairments": [{"match": "all", "loss": [1]}]}, r"loss: expected a single value"),
        ({"parameters": {"delay": None}}, "parameters: the key 'delay' is missing"),
        ({"parameters": ["delay"]}, "parameters: expected keys and values"),
        ({"shape": {"to": "sip"}}, "shape: the key 'rate' is missing"),
        ({"load": {"rate": "1mbit", "to": "sip"}}, "load: the key 'from' is missing"),
    ],
)
def test_a_fault_in_a_file_is_named_with_file_and_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    document = {"description": "Mine.", "effect": "none", "impairments": []} | change
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    with pytest.raises(SlowbyeError, match=message):
        load_profile(str(path))


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("effect: [")
    with pytest.raises(SlowbyeError, match=r"mine\.yml: not YAML: .*line 1"):
        load_profile(str(path))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"match": "fragment"}, "here: match 'fragment': expected fragments, all, a protocol"),
        ({"match": "udp/0"}, "match 'udp/0': a port is a number from 1 to 65535"),
        ({"match": "udp/sip"}, "match 'udp/sip': a port is a number"),
        ({"match": "icmp/8"}, "match 'icmp/8': icmp has no ports"),
        ({"match": "256"}, "match '256': expected"),
        ({"match": "all", "reorder": "10%"}, "here: reorder: needs a delay"),
        ({"match": "all", "distribution": "normal"}, "here: distribution: needs a jitter"),
        ({"match": "all", "distribution": "normale"}, "did you mean normal"),
        ({"match": "all", "between": ["sip"]}, "here: between: expected two nets"),
        ({"match": "all", "between": ["sip", "sip"]}, "here: between: expected two nets"),
        ({"match": "all", "between": "sip"}, "here: between: expected a list"),
        ({"match": "all", "direction": "left"}, "direction 'left': expected one of both, one-way"),
        ({"match": "all", "rate": "99gbit"}, "here: rate: a rate is from 8bit to 34gbit"),
        ({"match": "all", "limit": "0"}, "here: limit '0': expected a number of packets"),
        ({"match": "all", "limit": "many"}, "here: limit 'many': expected a number of packets"),
    ],
)
def test_a_wrong_impairment_is_refused(entry: dict[str, object], message: str) -> None:
    with pytest.raises(SlowbyeError, match=message):
        read_impairment(entry, "here")


def test_a_protocol_may_be_a_number() -> None:
    assert read_impairment({"match": "132/5060"}, "here").match.port == 5060
    assert read_impairment({"match": "47"}, "here").match.protocol == 47
