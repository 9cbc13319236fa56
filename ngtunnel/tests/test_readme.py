"""What the README says is so."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ngtunnel.collector import TunnelCollector
from ngtunnel.config import ClientConfig, Limits, ServerConfig, Timing, TlsFiles, load
from ngtunnel.config.table import keys_of
from tests.standing_tunnel import StandingTunnel

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_configurations_shown_are_good_and_fit_each_other(tmp_path: Path) -> None:
    shown = []
    for number, text in enumerate(re.findall(r"^```toml\n(.*?)^```", README, re.M | re.S)):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        shown.append(load(path))
    server, client = shown
    assert isinstance(server, ServerConfig)
    assert isinstance(client, ClientConfig)
    assert client.server == server.listen


@pytest.mark.parametrize("table", [ClientConfig, ServerConfig, TlsFiles, Timing, Limits])
def test_every_key_is_described(table: type) -> None:
    assert [
        key for key in keys_of(table) if f"`{key}`" not in README and f"[{key}]" not in README
    ] == []


@pytest.mark.parametrize(
    ("name", "table", "unit_s"), [("timing", Timing, 0.001), ("limits", Limits, 1)]
)
def test_every_default_is_the_one_in_force(name: str, table: type, unit_s: float) -> None:
    defaults = table()
    section = README.partition(f"\n`[{name}]`")[2].partition("\n\n`[")[0]
    for key, (attribute, _) in keys_of(table).items():
        (row,) = re.findall(rf"^\|.*`{key}`.*$", section, re.M)
        names, values = row.split("|")[1:3]
        position = re.findall(r"`(\w+)`", names).index(key)
        value = float(values.split(",")[position])
        assert value * unit_s == pytest.approx(getattr(defaults, attribute)), key


def test_every_metric_is_described() -> None:
    registry = CollectorRegistry()
    registry.register(TunnelCollector(StandingTunnel()))
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in registry.collect()
    }
    assert {name for name in names if f"`{name}" not in README} == set()
