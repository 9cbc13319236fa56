"""The command itself: options, exit status, and Ctrl-C."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest
import sipmessage
from click.testing import CliRunner
from test_sip_stub_proxy import StubProxy

from slowbye.cli import slowbye
from slowbye.errors import SlowbyeError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--proxy", "no such host"], "expected ADDR or ADDR:PORT"),
        (["--proxy", "192.0.2.1:0"], "port 0 is not between"),
        (["--proxy", "192.0.2.1:70000"], "port 70000 is not between"),
        (["--proxy", "::1"], "expected ADDR or ADDR:PORT"),
        (["--proxy", "proxy.invalid"], "proxy.invalid does not resolve"),
        (["--media", "2"], "--media '2': the unit is missing"),
        (["--media=-1s"], "--media '-1s'"),
        (["--timeout", "40s"], "at most 32s"),
        (["--timeout", "0s"], "more than nothing"),
        (["--bystander", "1ms"], "at least 10ms"),
        (["--bystander", "often"], "--bystander 'often'"),
        (["--header", "no colon"], "expected 'Name: value'"),
        (["--header", "Evil: a\r\nVia: b"], "expected 'Name: value'"),
        (["--domain", "user@host"], "expected a host name"),
        (["--domain", "host:5060"], "expected a host name"),
        (["--bind", "192.0.2.1"], "no UDP socket from 192.0.2.1"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    if "--proxy" not in arguments:
        arguments = ["--proxy", "127.0.0.1:9", *arguments]
    result = CliRunner().invoke(slowbye, ["call", *arguments])
    assert isinstance(result.exception, SlowbyeError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    "arguments", [[], ["--calls", "0"], ["--at-once", "0"], ["--transport", "sctp"]]
)
def test_what_click_refuses_has_exit_status_2(arguments: list[str]) -> None:
    environment = {"SLOWBYE_PROXY": "127.0.0.1" if arguments else None}
    result = CliRunner().invoke(slowbye, ["call", *arguments], env=environment)
    assert result.exit_code == 2


async def call(proxy: StubProxy, *arguments: str) -> Any:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from slowbye.cli import main; main()",
        "call",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SLOWBYE_PROXY": f"127.0.0.1:{proxy.address.port}"},
    )


def test_json_goes_to_stdout_and_good_calls_exit_with_0() -> None:
    async def scenario() -> tuple[int, bytes]:
        async with StubProxy.running() as proxy:
            process = await call(proxy, "--json", "--media", "100ms", "--bystander", "50ms")
            out, _ = await process.communicate()
            return process.returncode, out

    status, out = asyncio.run(scenario())
    result = json.loads(out)
    assert status == 0
    assert [call["failure"] for call in result["calls"]] == [""]
    assert result["bystander"]


def test_failed_calls_are_printed_and_exit_with_1() -> None:
    async def scenario() -> tuple[int, bytes]:
        async with StubProxy.running() as proxy:
            proxy.refuse = 503
            process = await call(proxy, "--calls", "2")
            out, _ = await process.communicate()
            return process.returncode, out

    status, out = asyncio.run(scenario())
    assert status == 1
    assert out.decode().count("INVITE: 503") == 2


def test_ctrl_c_hangs_up_prints_what_was_measured_and_exits_with_130() -> None:
    async def scenario() -> tuple[int, bytes, bytes, int]:
        async with StubProxy.running() as proxy:
            acknowledged = asyncio.Event()

            def watch(message: Any) -> bool:
                if isinstance(message, sipmessage.Request) and message.method == "ACK":
                    acknowledged.set()
                return False

            proxy.intercept = watch
            process = await call(proxy, "--json", "--media", "60s", "--calls", "3")
            await acknowledged.wait()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
            return process.returncode, out, err, len(proxy.requests("BYE"))

    status, out, err, byes = asyncio.run(scenario())
    assert status == 130
    assert byes == 1
    [measured] = json.loads(out)["calls"]
    assert measured["bye"]["status"] == 200
    assert b"Traceback" not in err


def test_nobody_at_the_proxys_address_exits_with_2() -> None:
    async def scenario() -> tuple[int, bytes]:
        async with StubProxy.running() as proxy:
            pass
        process = await call(proxy)
        _, err = await process.communicate()
        return process.returncode, err

    status, err = asyncio.run(scenario())
    assert status == 2
    assert err.decode().startswith("slowbye: no proxy at 127.0.0.1:")
    assert err.count(b"\n") == 1
