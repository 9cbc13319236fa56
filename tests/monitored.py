"""What monitoring/ asks Prometheus for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

_NAME = re.compile(r"\b(?:ngtunnel|rtpengine|kamailio|opensips)_\w+")


def alerts() -> Mapping[str, str]:
    """Return the expression of each alert."""
    groups = yaml.safe_load(Path("monitoring/alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels() -> list[str]:
    """Return the expressions of the dashboard, with every host chosen."""
    dashboard = json.loads(Path("monitoring/dashboard.json").read_text())
    return [
        target["expr"].replace("$instance", ".*")
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def metrics() -> set[str]:
    """Return the names of all metrics that alerts and dashboard use."""
    return {
        name for expression in [*alerts().values(), *panels()] for name in _NAME.findall(expression)
    }
