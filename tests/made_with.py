"""The option ``--variable``, for suites that run playbooks on hosts that somebody else has made.

Such a suite names this module in the pytest_plugins of its conftest.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the hosts were made with: sip_proxy_kind=opensips",
    )


def variables(config: pytest.Config) -> dict[str, str]:
    """Return what the hosts were made with."""
    return dict(each.split("=", 1) for each in config.getoption("--variable"))
