"""What playbooks/status.yml makes of the hosts' answers."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.console import Console

from slowbye.fleet.host_status import HostStatus, read
from slowbye.fleet.table import show

_NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
_UP = "@1769774400"  # a day before


def _unit(name: str, state: str = "active", enabled: str = "enabled") -> str:
    fields = {"Id": name, "UnitFileState": enabled}
    fields |= {"ActiveState": state, "ActiveEnterTimestamp": _UP}
    return "".join(f"{key}={value}\n" for key, value in fields.items())


def _tunnel(*states: str) -> str:
    links = [
        {"name": str(number), "state": state, "rtt_ms": 20.0 + number}
        for number, state in enumerate(states)
    ]
    return json.dumps([{"name": "media1", "role": "client", "version": "0.1.0", "links": links}])


def _proxy(**changes: Any) -> HostStatus:
    said = {
        "packages": "kamailio 5.6.3-2+deb12u1\nopensips 3.6.8-1\n",
        "units": "\n".join(
            [_unit("kamailio.service"), _unit("opensips.service", "inactive", "disabled")]
        ),
        "tunnel": _tunnel("up", "up"),
        "faults": [],
        "sets": ["direct", "ngtunnel"],
        "nodes": [
            {"set": 0, "url": "udp:198.18.2.1:2223", "disabled": False},
            {"set": 1, "url": "udp:127.0.0.1:2223", "disabled": False},
            {"set": 1000, "url": "udp:127.0.0.1:02223", "disabled": True},
        ],
        "certificates": ["CA notAfter=Jan 29 12:00:00 2036 GMT"],
    }
    return read("sip1", {**said, **changes}, _NOW)


def test_a_host_that_is_well_has_no_problems() -> None:
    status = _proxy()
    assert status.problems == []
    assert status.programs == {"kamailio": "5.6.3", "ngtunnel": "0.1.0"}
    assert status.up_s == 86_400
    assert status.certificates == {"CA": 3650.0}


def test_a_host_that_did_not_answer_is_told_of() -> None:
    assert read("sip2", {}, _NOW).problems == ["cannot be reached"]


def test_a_daemon_that_does_not_run_is_a_problem() -> None:
    assert _proxy(units=_unit("kamailio.service", "failed")).problems == ["kamailio is failed"]


def test_a_link_that_is_down_is_a_problem() -> None:
    assert _proxy(tunnel=_tunnel("up", "down")).problems == ["link 1 of tunnel media1 is down"]


def test_a_tunnel_without_any_link_is_one_more() -> None:
    assert "tunnel media1 has no link up" in _proxy(tunnel=_tunnel("connecting")).problems


def test_a_disabled_node_is_a_problem_and_named_with_its_set() -> None:
    nodes = [{"set": 1, "url": "udp:127.0.0.1:2223", "disabled": True}]
    assert _proxy(nodes=nodes).problems == ["udp:127.0.0.1:2223 of set ngtunnel is disabled"]


def test_sets_of_the_proxys_own_are_left_aside() -> None:
    assert {node.node_set for node in _proxy().nodes} == {"direct", "ngtunnel"}


def test_a_certificate_that_ends_soon_is_a_problem() -> None:
    soon = ["SIP notAfter=Feb 10 12:00:00 2026 GMT"]
    assert _proxy(certificates=soon).problems == ["certificate SIP ends in 10 days"]
    over = ["SIP notAfter=Jan 30 12:00:00 2026 GMT"]
    assert _proxy(certificates=over).problems == ["certificate SIP has ended"]


def test_what_a_program_complains_of_is_a_problem() -> None:
    assert _proxy(faults=["tunnel media1: nobody listens there"]).problems == [
        "tunnel media1: nobody listens there"
    ]


def test_the_table_has_a_row_for_each_host_and_says_below_what_is_wrong() -> None:
    out = StringIO()
    show([_proxy(), read("sip2", {}, _NOW)], Console(file=out, width=160))
    text = out.getvalue()
    assert "2 of 2" in text
    assert "20.0 ms" in text or "20.0 to 21.0 ms" in text
    assert "ngtunnel 1 of 1" in text
    assert text.rstrip().endswith("sip2: cannot be reached")
