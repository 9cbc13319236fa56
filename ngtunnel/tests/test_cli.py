"""The command line: exit statuses, one line for each fault, and both ends run by it."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ngtunnel import __version__, cli, status_command
from ngtunnel.config import Address, TlsFiles
from tests.certificates import Authority
from tests.standing_tunnel import StandingTunnel, free_port, served
from tests.test_probe import answering, pong

Output = pytest.CaptureFixture[str]


def write_client(directory: Path, more: str = "", tls: str = "false") -> Path:
    path = directory / "media1.toml"
    path.write_text(
        f'role = "client"\nlisten = "127.0.0.1:{free_port()}"\nserver = "198.18.2.1:2223"\n'
        f"tls = {tls}\n{more}\n"
    )
    return path


def tls_table(files: TlsFiles) -> str:
    name = f', server_name = "{files.server_name}"' if files.server_name else ""
    return (
        f'{{ certificate = "{files.certificate}", key = "{files.key}", ca = "{files.ca}"{name} }}'
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["tunnel"], "invalid choice: 'tunnel'"),
        (["client"], "the following arguments are required: --config"),
        (["probe"], "the following arguments are required: ADDRESS"),
        (["probe", "::1", "--count", "0"], "'0' is not allowed: a whole number from 1 to 1000000"),
        (["probe", "::1", "--timeout", "x"], "'x' is not allowed: seconds, more than 0"),
        (["probe", "::1", "--timeout", "61"], "'61' is not allowed: seconds, more than 0"),
        (["status", "127.0.0.1:9223", "--config", "x"], "not allowed with argument"),
    ],
)
def test_what_was_not_typed_well_is_told_with_status_2(
    arguments: list[str], error: str, capsys: Output
) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    assert error in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: Output) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"ngtunnel {__version__}\n"


@pytest.mark.parametrize("command", ["client", "server", "check", "status"])
def test_a_bad_configuration_is_one_line_and_status_2(
    command: str, tmp_path: Path, capsys: Output
) -> None:
    path = write_client(tmp_path, "links = 0")
    assert cli.main([command, "--config", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"ngtunnel: {path}: links: 0 is not allowed: a whole number from 1 to 16\n"
    )


def test_a_configuration_of_the_other_end_is_told_with_the_right_command(
    tmp_path: Path, capsys: Output
) -> None:
    path = write_client(tmp_path)
    assert cli.main(["server", "--config", str(path)]) == 2
    assert capsys.readouterr().err == (
        f'ngtunnel: {path}: role: is "client": run ngtunnel client --config {path}\n'
    )


def test_a_good_client_is_told_in_a_line(
    tmp_path: Path, client_files: TlsFiles, capsys: Output
) -> None:
    path = write_client(tmp_path, "links = 1", tls_table(client_files))
    assert cli.main(["check", "--config", str(path)]) == 0
    output = capsys.readouterr().out
    assert output.startswith("OK: client, ng: UDP 127.0.0.1:")
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86_400 - 1))
    assert f" over 1 link to 198.18.2.1:2223; TLS as sip1 until {until[:8]}" in output
    assert output.endswith(", expecting media1; no metrics\n")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", ""),
        ('allow = ["198.18.1.1"]', ", for 198.18.1.1/32; "),
        ("allow = []", ", for NOBODY (allow is empty); "),
        ('allow_names = ["sip1", "sip0"]', ", for sip0, sip1; "),
        ("allow_names = []", ", for NOBODY (allow_names is empty); "),
    ],
)
def test_a_good_server_is_told_in_a_line(
    tmp_path: Path, server_files: TlsFiles, more: str, told: str, capsys: Output
) -> None:
    path = tmp_path / "sip.toml"
    path.write_text(
        'role = "server"\nlisten = "198.18.2.1:2223"\ntarget = "127.0.0.1:2223"\n'
        f'metrics = "127.0.0.1:9223"\ntls = {tls_table(server_files)}\n{more}\n'
    )
    assert cli.main(["check", "--config", str(path)]) == 0
    output = capsys.readouterr().out
    assert output.startswith("OK: server, ng: TCP 198.18.2.1:2223 to UDP 127.0.0.1:2223")
    assert told in output
    assert output.endswith("; metrics on 127.0.0.1:9223\n")


def test_a_tunnel_in_the_clear_is_told_in_capitals(tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["check", "--config", str(write_client(tmp_path))]) == 0
    assert "; IN THE CLEAR (tls = false); " in capsys.readouterr().out


def test_a_check_reads_the_certificates_too(
    tmp_path: Path, client_files: TlsFiles, capsys: Output
) -> None:
    client_files.key.chmod(0o644)
    path = write_client(tmp_path, tls=tls_table(client_files))
    assert cli.main(["check", "--config", str(path)]) == 2
    assert "has mode 0644, so that others can read" in capsys.readouterr().err


def test_a_check_of_an_expired_certificate_warns(tmp_path: Path, ca: Authority) -> None:
    files = ca.issue("sip9", server_name="media1", days=-1)
    path = write_client(tmp_path, tls=tls_table(files))
    done = _ngtunnel("check", "--config", str(path))
    assert done.returncode == 0
    assert f"WARNING {files.certificate} (tls.certificate): expired on " in done.stderr


def _ngtunnel(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ngtunnel", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_port_in_use_is_one_line_and_status_1(tmp_path: Path) -> None:
    path = write_client(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        path.write_text(
            path.read_text().replace(path.read_text().split('"')[3], f"127.0.0.1:{port}")
        )
        done = _ngtunnel("client", "--config", str(path))
    assert done.returncode == 1
    assert done.stderr == f"ngtunnel: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_status_is_shown_by_the_address_of_the_metrics(capsys: Output) -> None:
    with served(StandingTunnel()) as address:
        assert cli.main(["status", str(address)]) == 0
        assert cli.main(["status", str(address), "--json"]) == 0
    text, _, written = capsys.readouterr().out.partition("\n[\n")
    assert text.startswith(f"{address}: client, ng, 1 of 2 links up")
    assert json.loads("[" + written)[0]["role"] == "client"


def test_a_status_is_shown_by_the_configuration(tmp_path: Path, capsys: Output) -> None:
    with served(StandingTunnel()) as address:
        path = write_client(tmp_path, f'metrics = "{address}"')
        assert cli.main(["status", "--config", str(path)]) == 0
    assert capsys.readouterr().out.startswith("media1: client, ng, 1 of 2 links up")


def test_a_tunnel_that_does_not_run_has_status_1(capsys: Output) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert cli.main(["status", address]) == 1
    assert capsys.readouterr().err == (
        f"ngtunnel: {address}: nobody listens there: is the tunnel running?\n"
    )


def test_a_host_without_any_instance_is_told_where_they_were_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(status_command, "CONFIG_DIRECTORY", tmp_path)
    assert cli.main(["status"]) == 2
    assert f"ngtunnel: {tmp_path}: there is no *.toml" in capsys.readouterr().err


def test_a_probe_tells_whether_all_was_answered(capsys: Output) -> None:
    with answering(pong) as address:
        assert cli.main(["probe", str(address), "--count", "3"]) == 0
        assert cli.main(["probe", str(address), "--count", "2", "--json"]) == 0
    text, _, written = capsys.readouterr().out.partition("\n{\n")
    assert "3 of 3 answered (ping)" in text
    assert json.loads("{" + written)["sent"] == 2


def test_a_probe_without_an_answer_has_status_1(capsys: Output) -> None:
    with answering(lambda _cookie, _dictionary: []) as address:
        assert cli.main(["probe", str(address), "--count", "1", "--timeout", "0.05"]) == 1
    assert "0 of 1 answered" in capsys.readouterr().out
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        address = Address(*udp.getsockname())
    assert cli.main(["probe", str(address), "--count", "1"]) == 1
    assert capsys.readouterr().err == f"ngtunnel: {address}: nobody listens there\n"


def test_a_probe_of_no_address_has_status_2(capsys: Output) -> None:
    assert cli.main(["probe", "media1"]) == 2
    assert capsys.readouterr().err.startswith(
        'ngtunnel: "media1" is not allowed: an address or host name and a port'
    )


@contextmanager
def running(role: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one end until it was terminated, and expect it to go well."""
    process = subprocess.Popen([sys.executable, "-m", "ngtunnel", role, "--config", str(path)])
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.timeout(60)
def test_both_ends_carry_ng_over_tls_as_status_and_probe_tell(
    tmp_path: Path, client_files: TlsFiles, server_files: TlsFiles, capsys: Output
) -> None:
    port, client_metrics, server_metrics = free_port(), free_port(), free_port()
    server = tmp_path / "sip.toml"
    with answering(pong) as rtpengine:
        server.write_text(
            f'role = "server"\nlisten = "127.0.0.1:{port}"\ntarget = "{rtpengine}"\n'
            f'metrics = "127.0.0.1:{server_metrics}"\ntls = {tls_table(server_files)}\n'
            'allow_names = ["sip1"]\n'
        )
        client = write_client(
            tmp_path, f'metrics = "127.0.0.1:{client_metrics}"', tls_table(client_files)
        )
        client.write_text(client.read_text().replace("198.18.2.1:2223", f"127.0.0.1:{port}"))
        listen = client.read_text().split('"')[3]
        with running("server", server), running("client", client):
            _wait_for(lambda: cli.main(["status", f"127.0.0.1:{client_metrics}"]) == 0)
            capsys.readouterr()
            assert cli.main(["probe", listen, "--count", "10"]) == 0
            assert "10 of 10 answered (ping)" in capsys.readouterr().out
            assert cli.main(["status", f"127.0.0.1:{client_metrics}", "--json"]) == 0
            (status,) = json.loads(capsys.readouterr().out)
            assert status["commands"][0]["results"] == {"pong": 10}
            assert status["certificate_not_after"] > time.time()
            assert cli.main(["status", f"127.0.0.1:{server_metrics}"]) == 0
            assert ": server, ng, 2 of 2 links up" in capsys.readouterr().out


def _wait_for(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupted_probe_ends_without_a_traceback() -> None:
    asked = threading.Event()

    def say_nothing(_cookie: bytes, _dictionary: bytes) -> list[bytes]:
        asked.set()
        return []

    with answering(say_nothing) as address:
        process = subprocess.Popen(
            [sys.executable, "-m", "ngtunnel", "probe", str(address)], stderr=subprocess.PIPE
        )
        assert asked.wait(10)
        process.send_signal(signal.SIGINT)
        _, written = process.communicate(timeout=10)
    assert process.returncode == 130
    assert written == b""


def test_the_start_imports_only_what_the_command_needs() -> None:
    script = (
        "import sys\nfrom ngtunnel.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print([name for name in ('asyncio', 'ssl', 'prometheus_client', 'json', 'socket')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "[]"
