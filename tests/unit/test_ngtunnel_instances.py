"""What the role ngtunnel writes for an instance."""

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_MODULE = Path(__file__).parents[2] / "roles/ngtunnel/library/ngtunnel_instances.py"
_PARAMS = {
    "defaults": {"log_level": "info"},
    "client_defaults": {"error_reason": 'no "link" \u00e9'},
    "certificates": {"certificate": "c.pem", "key": "k.pem", "ca": "ca.pem"},
    "before": ["opensips.service"],
}
_CLIENT = {
    "name": "media1",
    "role": "client",
    "protocol": "ng",
    "listen": "127.0.0.1:2223",
    "server": "192.0.2.1:2223",
    "server_name": "media1",
    "tls": True,
    "timing": {"reconnect": 0.5},
}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The role's module, as Ansible would run it."""
    spec = importlib.util.spec_from_file_location(_MODULE.stem, _MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _written(module: ModuleType, **changes: object) -> dict[str, Any]:
    return tomllib.loads(module.configuration({**_CLIENT, **changes}, _PARAMS))


def test_a_client_gets_its_own_values_and_the_role_s(module: ModuleType) -> None:
    assert _written(module) == {
        "log_level": "info",
        "error_reason": 'no "link" \u00e9',
        "in_flight_file": "/run/ngtunnel/media1/in-flight",
        "role": "client",
        "protocol": "ng",
        "listen": "127.0.0.1:2223",
        "server": "192.0.2.1:2223",
        "timing": {"reconnect": 0.5},
        "tls": {"certificate": "c.pem", "key": "k.pem", "ca": "ca.pem", "server_name": "media1"},
    }


def test_an_instance_s_own_value_is_the_one_that_counts(module: ModuleType) -> None:
    assert _written(module, log_level="debug", error_reason="mine")["log_level"] == "debug"
    assert _written(module, error_reason="mine")["error_reason"] == "mine"
    assert _written(module, in_flight_file="/run/x")["in_flight_file"] == "/run/x"


def test_without_tls_there_is_no_certificate(module: ModuleType) -> None:
    assert _written(module, tls=False)["tls"] is False


def test_raw_datagrams_have_no_error_and_no_requests_in_flight(module: ModuleType) -> None:
    written = _written(module, protocol="raw")
    assert "error_reason" not in written
    assert "in_flight_file" not in written


def test_only_clients_are_started_before_the_proxy(module: ModuleType) -> None:
    assert "Before=opensips.service\n" in module.service(_CLIENT, _PARAMS)
    assert "Before=" not in module.service({**_CLIENT, "role": "server"}, _PARAMS)
    assert "ListenDatagram=127.0.0.1:2223\n" in module.socket(_CLIENT)
    assert "ListenStream=127.0.0.1:2223\n" in module.socket({**_CLIENT, "role": "server"})
