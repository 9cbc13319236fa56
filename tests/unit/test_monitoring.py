"""Alert rules, their cases, and the dashboard, by the tools that own those formats."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import monitored

_PROMTOOL = shutil.which("promtool") or Path(".cache/promtool").absolute()


def _promtool(*arguments: object) -> None:
    if not Path(_PROMTOOL).exists():
        pytest.skip("there is no promtool: bin/setup --dev gets it")
    command = [str(_PROMTOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="monitoring")
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_alert_rules() -> None:
    _promtool("check", "rules", "alerts.yml")


def test_prometheus_takes_the_example_of_its_configuration() -> None:
    _promtool("check", "config", "prometheus.yml")


def test_alerts_come_when_they_should_and_not_before() -> None:
    _promtool("test", "rules", "alerts_test.yml")


def test_every_alert_has_a_case() -> None:
    cases = yaml.safe_load(Path("monitoring/alerts_test.yml").read_text())["tests"]
    tried = {rule["alertname"] for case in cases for rule in case["alert_rule_test"]}
    assert tried == set(monitored.alerts())


def test_prometheus_takes_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(monitored.panels())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    _promtool("check", "rules", file)


def test_no_two_panels_have_one_place() -> None:
    dashboard = json.loads(Path("monitoring/dashboard.json").read_text())
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in dashboard["panels"]]
    assert len(set(places)) == len(places)
    numbers = [each["id"] for each in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
