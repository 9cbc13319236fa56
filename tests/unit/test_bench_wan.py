"""An end of the WAN, here on a host that is this machine, and what surrounds the measuring."""

import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.cases import ONE
from bench.errors import BenchError
from bench.measure import load_line, responder_arguments
from bench.ports import any_port
from bench.session import Plan
from bench.variants import Setup
from bench.variants.direct import DIRECT
from bench.wan import session
from bench.wan.remote import RemoteEnd
from bench.wan.session import CLEAN, FRAGMENT_DELAY, LOSSY
from slowbye.hosts import Host
from slowbye.reproduce import playbook


class ThisMachine(Host):
    """Has nothing but Python, not even its site packages."""

    def command_line(self, argv: Sequence[str]) -> list[str]:
        """Return a command of this machine."""
        return [sys.executable, "-I", "-S", *argv[1:]] if argv[0] == "python3" else list(argv)


HERE = ThisMachine("here")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_end_runs_a_load_with_the_standard_library_alone(tmp_path: Path) -> None:
    with RemoteEnd(HERE, str(tmp_path / "a")) as media, RemoteEnd(HERE, str(tmp_path / "b")) as sip:
        address = ("127.0.0.1", media.ask("ports", first=any_port())["ports"][0])
        setup = Setup((address,), ((None, address),))
        media.ask(
            "load", module="bench.responder", arguments=responder_arguments(setup, ONE), line=""
        )
        media.expect("listening")
        sip.ask("load", module="bench.generate", arguments=[], line=load_line(setup, ONE, 0.1))
        result = sip.expect("result")
        media.ask("end_load")
        arrived = media.expect("arrived")
    assert sum(result["ticks"].values()) > 10
    assert not any(result["wrong"].values())
    assert (arrived["wrong"], arrived["repeated"]) == ({}, 0)


def test_an_end_stops_what_it_started_and_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "end"
    with RemoteEnd(HERE, str(directory)) as end:
        port = end.ask("ports", first=any_port())["ports"][0]
        argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
        end.ask("program", argv=argv, transport="tcp", port=port)
        used = end.ask("usage")
        assert directory.is_dir()
        assert _is_open(port)
    assert used["memory"]["processes"] == 1
    assert not directory.exists()
    assert not _is_open(port)


def test_an_end_says_what_could_not_be_started_where(tmp_path: Path) -> None:
    with (
        RemoteEnd(HERE, str(tmp_path / "end")) as end,
        pytest.raises(BenchError, match="here: no-such-tunnel: not installed"),
    ):
        end.ask("program", argv=["no-such-tunnel"], transport="udp", port=1)


def test_a_host_without_room_for_an_end_is_named(tmp_path: Path) -> None:
    with (
        RemoteEnd(HERE, str(tmp_path / "no" / "where")) as end,
        pytest.raises(BenchError, match="here: FileNotFoundError"),
    ):
        end.ask("usage")


def test_each_case_is_measured_under_each_profile() -> None:
    plan = session.under(Plan([ONE], [DIRECT], 1, 1.0, 0.0), [CLEAN, LOSSY])
    assert [case.name for case in plan.cases] == ["clean/one", "lossy/one"]
    assert plan.cases[1].about.startswith("lossy, RTT 40 ms: ")


@pytest.mark.parametrize("error", [KeyboardInterrupt, BenchError])
def test_the_wan_is_made_clean_whatever_happens(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[Mapping[str, str]] = []

    def play(inventory: str, name: str, variables: Mapping[str, str], log: Path) -> None:
        assert (inventory, name) == ("inventory/lab", "wan")
        played.append(variables)

    monkeypatch.setattr(playbook, "play", play)

    def interrupted() -> None:
        with session.impairing("inventory/lab") as impair:
            impair(FRAGMENT_DELAY)
            raise error

    with pytest.raises(error):
        interrupted()
    assert played == [
        {"wan_profile": "fragment-delay", "wan_rtt": "20ms", "wan_delay": "4s"},
        {"wan_profile": "clean", "wan_rtt": "20ms"},
    ]


def test_an_end_tells_what_its_tunnel_said_last(tmp_path: Path) -> None:
    with RemoteEnd(HERE, str(tmp_path / "end")) as end:
        assert end.ask("said")["line"] == ""
        with pytest.raises(BenchError, match="ended with 3: too bad"):
            end.ask("program", argv=["sh", "-c", "echo too bad; exit 3"], transport="tcp", port=1)
        assert end.ask("said")["line"] == "too bad"
