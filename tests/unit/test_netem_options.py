import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from slowbye.cli.wan import command
from slowbye.errors import SlowbyeError
from slowbye.netem import Direction, Host
from slowbye.netem.nets import load_nets
from slowbye.netem.options import Options, plan_from_options


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "wan.yml"
    path.write_text(
        "nets:\n  sip: {interface: sip0, cidrs: [198.18.1.0/24]}\n"
        "  media: {interface: media0, cidrs: [198.18.2.0/24]}\n"
    )
    return path


def test_a_profile_takes_its_parameters_from_set(nets: Path) -> None:
    plan = plan_from_options("lossy", Options(nets=nets, settings=("loss=2%",), rtt="50ms"))
    assert plan.profile.impairments[0].loss_pct == 2
    assert plan.rtt_ms == 50


def test_options_alone_make_an_impairment(nets: Path) -> None:
    impairment = {"match": "fragments", "delay": "4s", "loss": "1%"}
    plan = plan_from_options(None, Options(nets=nets, impairment=impairment))
    found = plan.profile.impairments[0]
    assert (found.delay_ms, found.loss_pct, found.between) == (4000, 1, ("sip", "media"))


def test_between_and_direction_aim_a_whole_profile(nets: Path) -> None:
    plan = plan_from_options(
        "fragment-delay", Options(nets=nets, between="media, sip", direction="one-way")
    )
    found = plan.profile.impairments[0]
    assert (found.between, found.direction) == (("media", "sip"), Direction.ONE_WAY)
    anywhere = plan_from_options("lossy", Options(nets=nets, between="any"))
    assert anywhere.profile.impairments[0].between is None


def test_an_interface_has_no_base_delay_and_no_nets() -> None:
    plan = plan_from_options("lossy", Options(interface="eth0", peers=("10.0.0.0/8",)))
    assert isinstance(plan.target, Host)
    assert plan.target.ingress
    assert plan.rtt_ms == 0
    assert plan.profile.impairments[0].between is None
    egress = plan_from_options("lossy", Options(interface="eth0", direction="one-way"))
    assert len(egress.trees) == 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (None, {}, "give a PROFILE"),
        (None, {"impairment": {"delay": "1s"}}, "give a PROFILE .* or --match"),
        ("lossy", {"impairment": {"delay": "1s"}}, "--delay goes with --match"),
        (None, {"impairment": {"match": "all"}, "settings": ("a=b",)}, "--set goes with a PROFILE"),
        (None, {"impairment": {"match": "all", "delay": "4"}}, "options: delay '4': the unit"),
        ("lossy", {"settings": ("loss",)}, "--set 'loss': expected NAME=VALUE"),
        ("lossy", {"rtt": "20"}, "--rtt '20': the unit is missing"),
        ("lossy", {"between": "sip"}, "--between 'sip': expected two nets"),
        ("lossy", {"between": "sip,wlan"}, "unknown net 'wlan'"),
        ("lossy", {"between": "any", "direction": "one-way"}, "one-way needs --between"),
        ("lossy", {"peers": ("10.0.0.0/8",)}, "--peer goes with --interface"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    nets: Path, name: str | None, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SlowbyeError, match=message):
        plan_from_options(name, Options(nets=nets, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interface": "eth0", "nets": Path("x")}, "either --nets or --interface"),
        ({"interface": "eth0", "between": "sip,media"}, "--between names nets"),
        ({"interface": "eth0", "peers": ("10.0.0.1/8",)}, "--peer: 10.0.0.1/8 has host bits set"),
    ],
)
def test_interface_options_that_make_no_sense_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(SlowbyeError, match=message):
        plan_from_options("clean", Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nets: {}", "nets: expected net names"),
        ("net: {}", "unknown key 'net'; did you mean nets"),
        ("nets: {sip: {interface: sip0}}", r"nets\.sip: cidrs: expected a list"),
        ("nets: {sip: {cidrs: [198.18.1.0/24]}}", r"nets\.sip: the key 'interface' is missing"),
        ("nets: {sip: {interface: sip0, cidrs: [198.18.1.1/24]}}", "has host bits set"),
        ("nets: {sip: {interface: a b, cidrs: [fc00::/7]}}", "'a b' is not an interface name"),
        (
            "nets: {a: {interface: x, cidrs: [fc00::/7]}, b: {interface: x, cidrs: [fc00::/7]}}",
            "nets a and b have the same interface x",
        ),
    ],
)
def test_a_fault_in_the_nets_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wan.yml"
    path.write_text(text)
    with pytest.raises(SlowbyeError, match=message):
        load_nets(path)


def test_a_missing_nets_file_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Path("/nonexistent/wan.yml")
    monkeypatch.setattr("slowbye.netem.nets.DEFAULT_NETS", missing)
    with pytest.raises(SlowbyeError, match="does not exist: name this router's nets"):
        load_nets(missing)


def test_a_dry_run_prints_what_tc_would_show(nets: Path) -> None:
    words = ["apply", "fragment-delay", "--nets", str(nets), "--dry-run"]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0
    assert "dev sip0 qdisc netem 5b03: parent 5b1e:3 limit 250625 delay 4010ms" in result.output
    shown = json.loads(CliRunner().invoke(command, [*words, "--json"]).output)
    assert shown["profile"] == "fragment-delay"
    assert shown["tree"] == result.output.splitlines()


def test_the_list_names_every_profile_with_its_parameters() -> None:
    output = CliRunner().invoke(command, ["list"]).output
    assert "fragment-delay" in output
    assert "delay=4s" in output
    assert json.loads(CliRunner().invoke(command, ["list", "--json"]).output)[0]["name"] == "clean"


def test_an_expiry_of_nothing_is_refused(nets: Path) -> None:
    words = ["apply", "clean", "--nets", str(nets), "--expire", "0s"]
    result = CliRunner().invoke(command, words)
    assert "--expire: must be longer than 0" in str(result.exception)
