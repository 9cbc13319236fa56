"""The configuration: every value checked, every error a sentence."""

import ipaddress
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ngtunnel.config import (
    Address,
    ClientConfig,
    ConfigError,
    LogLevel,
    Protocol,
    ServerConfig,
    load,
)

CLIENT = """
role = "client"
listen = "127.0.0.1:2223"
server = "198.18.2.1:2223"
tls = false
"""
SERVER = """
role = "server"
listen = "198.18.2.1:2223"
target = "127.0.0.1:2223"
tls = false
"""
TLS = 'tls = { certificate = "sip1.pem", key = "sip1.key", ca = "/etc/ca.pem" }'


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., ClientConfig]:
    def load_client(more: str = "", without: str = "") -> ClientConfig:
        config = load(_write(tmp_path, CLIENT, more, without))
        assert isinstance(config, ClientConfig)
        return config

    return load_client


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., ServerConfig]:
    def load_server(more: str = "", without: str = "") -> ServerConfig:
        config = load(_write(tmp_path, SERVER, more, without))
        assert isinstance(config, ServerConfig)
        return config

    return load_server


def _write(directory: Path, base: str, more: str, without: str) -> Path:
    lines = [line for line in base.splitlines() if not (without and line.startswith(without))]
    path = directory / "media1.toml"
    path.write_text("\n".join([*lines, more]) + "\n")
    return path


def test_a_client_needs_only_its_two_addresses_and_a_word_about_tls(
    client: Callable[..., ClientConfig],
) -> None:
    config = client()
    assert config.listen == Address("127.0.0.1", 2223)
    assert config.server == Address("198.18.2.1", 2223)
    assert config.tls is None
    assert (config.links, config.protocol, config.log_level) == (2, Protocol.NG, LogLevel.INFO)
    assert config.error_reason == "ngtunnel: no link to rtpengine"
    assert config.metrics is None
    assert config.in_flight_file is None


def test_a_server_allows_every_address_and_name_unless_told_otherwise(
    server: Callable[..., ServerConfig],
) -> None:
    config = server()
    assert config.target == Address("127.0.0.1", 2223)
    assert config.allow is None
    assert config.allow_names is None


def test_an_empty_list_of_addresses_allows_nobody(server: Callable[..., ServerConfig]) -> None:
    assert server("allow = []").allow == ()


def test_addresses_and_networks_of_both_families_can_be_allowed(
    server: Callable[..., ServerConfig],
) -> None:
    assert server('allow = ["198.18.1.1", "198.18.4.0/24", "2001:db8::/32"]').allow == (
        ipaddress.ip_network("198.18.1.1/32"),
        ipaddress.ip_network("198.18.4.0/24"),
        ipaddress.ip_network("2001:db8::/32"),
    )


def test_milliseconds_in_the_file_are_seconds_once_loaded(
    client: Callable[..., ClientConfig],
) -> None:
    config = client(
        "[timing]\nheartbeat_ms = 100\nhedge_min_ms = 2.5\n[limits]\nsession_idle_s = 30"
    )
    assert (config.timing.heartbeat, config.timing.hedge_min) == (0.1, 0.0025)
    assert config.limits.session_idle == 30.0


def test_defaults_agree_with_each_other_and_with_their_own_bounds(
    client: Callable[..., ClientConfig],
) -> None:
    timing = client().timing
    assert timing == client("[timing]\n" + _written(timing)).timing


def _written(timing: Any) -> str:
    return "\n".join(
        f"{name}_ms = {value * 1000:g}"
        for name, value in asdict(timing).items()
        if name != "hello_timeout"
    )


def test_a_dead_link_is_found_within_a_second(client: Callable[..., ClientConfig]) -> None:
    timing = client().timing
    assert timing.dead_after < 1.0
    assert timing.max_age <= 1.0


def test_relative_paths_start_at_the_configurations_directory(
    client: Callable[..., ClientConfig], tmp_path: Path
) -> None:
    config = client(TLS + '\nin_flight_file = "/run/ngtunnel/media1/in-flight"', without="tls")
    assert config.tls is not None
    assert config.tls.certificate == tmp_path / "sip1.pem"
    assert config.tls.ca == Path("/etc/ca.pem")
    assert config.tls.server_name is None
    assert config.in_flight_file == Path("/run/ngtunnel/media1/in-flight")


@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("198.18.2.1:2223", ("198.18.2.1", 2223), "198.18.2.1:2223"),
        ("[2001:DB8::0:7]:1", ("2001:db8::7", 1), "[2001:db8::7]:1"),
        ("media1.example:65535", ("media1.example", 65535), "media1.example:65535"),
    ],
)
def test_a_server_is_named_by_address_or_name(
    client: Callable[..., ClientConfig], text: str, address: tuple[str, int], written: str
) -> None:
    server_address = client(f'server = "{text}"', without="server").server
    assert server_address == address
    assert str(server_address) == written


@pytest.mark.parametrize(
    ("without", "more", "error"),
    [
        ("", "links = 0", "links: 0 is not allowed: a whole number from 1 to 16"),
        ("", "links = 2.0", "links: 2.0 is not allowed: a whole number from 1 to 16"),
        ("", "links = true", "links: true is not allowed: a whole number from 1 to 16"),
        ("", 'protocol = "sip"', 'protocol: "sip" is not allowed: "ng" or "raw"'),
        (
            "",
            'log_level = "loud"',
            'log_level: "loud" is not allowed: "debug", "info", "warning" or "error"',
        ),
        ("", "protocol = [1]", 'protocol: [1] is not allowed: "ng" or "raw"'),
        (
            "",
            'metrics = "localhost:9223"',
            'metrics: "localhost:9223" is not allowed: an address and a port, such as '
            '"127.0.0.1:2223" or "[::1]:2223"',
        ),
        (
            "listen",
            'listen = "localhost:2223"',
            'listen: "localhost:2223" is not allowed: an address and a port, such as '
            '"127.0.0.1:2223" or "[::1]:2223"',
        ),
        (
            "listen",
            "",
            'listen: is missing: an address and a port, such as "127.0.0.1:2223" or "[::1]:2223"',
        ),
        (
            "listen",
            'listen = "127.0.0.1:65536"',
            'listen: "127.0.0.1:65536" is not allowed: a port from 1 to 65535',
        ),
        (
            "listen",
            'listen = "127.0.0.1:0"',
            'listen: "127.0.0.1:0" is not allowed: a port from 1 to 65535',
        ),
        (
            "server",
            'server = "198.18.2.256:1"',
            'server: "198.18.2.256:1" is not allowed: an address or host name and a port, such '
            'as "media1:2223" or "[2001:db8::7]:2223"',
        ),
        ("role", "", 'role: is missing: "client" or "server"'),
        ("role", 'role = "proxy"', 'role: "proxy" is not allowed: "client" or "server"'),
        (
            "tls",
            "",
            "tls: is missing: a table { certificate, key, ca }, or false to carry everything in "
            "the clear",
        ),
        (
            "tls",
            "tls = true",
            "tls: true is not allowed: a table { certificate, key, ca }, or false to carry "
            "everything in the clear",
        ),
        (
            "tls",
            "tls = {}",
            'tls.certificate: is missing: a path, such as "/etc/ngtunnel/tls/sip1.pem"',
        ),
        (
            "",
            "error_reason = '''a\nb'''",
            'error_reason: "a\\nb" is not allowed: one line of printable text, at most 200 bytes',
        ),
        ("", "link = 3", "link: is not a key: did you mean links?"),
        ("", 'allow = ["::1"]', "allow: is not a key of a client, but of the other end"),
        (
            "",
            "[timing]\nhello_timeout_ms = 500",
            "timing.hello_timeout_ms: is not a key of a client, but of the other end",
        ),
        (
            "",
            "[timing]\nhartbeat_ms = 100",
            "timing.hartbeat_ms: is not a key: did you mean timing.heartbeat_ms?",
        ),
        ("", "[limits]\nx = 1", "limits.x: is not a key: there are datagram_bytes, queue_bytes"),
        ("", "timing = 3", "timing: 3 is not allowed: a table"),
        ("", "[timing]\ndrain_ms = nan", "timing.drain_ms: nan is not allowed: a number from 0"),
        (
            "",
            "[timing]\nheartbeat_ms = 400",
            "timing.dead_after_ms: 800 is not allowed: more than twice timing.heartbeat_ms, "
            "which is 400",
        ),
        (
            "",
            "[timing]\nreconnect_min_ms = 3000",
            "timing.reconnect_min_ms: 3000 is not allowed: at most timing.reconnect_max_ms, "
            "which is 2000",
        ),
        (
            "",
            "[timing]\nhedge_min_ms = 600",
            "timing.hedge_min_ms: 600 is not allowed: at most timing.hedge_max_ms",
        ),
        (
            "",
            "[timing]\ncommand_timeout_ms = 900",
            "timing.max_age_ms: 1000 is not allowed: at most timing.command_timeout_ms",
        ),
        (
            "",
            "[limits]\nqueue_bytes = 65517",
            "limits.queue_bytes: 65517 is not allowed: at least 65518, which is "
            "limits.datagram_bytes and a frame's header",
        ),
        (
            "",
            'protocol = "raw"\nin_flight_file = "/run/x"',
            'in_flight_file: is for protocol = "ng" only: a raw tunnel knows no requests',
        ),
    ],
)
def test_what_is_wrong_with_a_client_is_told_in_one_sentence(
    client: Callable[..., ClientConfig], tmp_path: Path, without: str, more: str, error: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        client(more, without)
    assert str(raised.value).startswith(f"{tmp_path}/media1.toml: {error}")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (
            'allow = ["198.18.1.1/24"]',
            'allow: ["198.18.1.1/24"] is not allowed: not "198.18.1.1/24", but "198.18.1.0/24" '
            'for the network or "198.18.1.1" for one host',
        ),
        ('allow = ["sip1"]', 'allow: ["sip1"] is not allowed: addresses and networks, and "sip1"'),
        ("allow = [1]", "allow: [1] is not allowed: addresses and networks as text, not 1"),
        ('allow = "::1"', 'allow: "::1" is not allowed: a list of addresses and networks'),
        ("allow_names = [1]", "allow_names: [1] is not allowed: a list of names in certificates"),
        ('allow_names = ["sip1"]', "allow_names: needs tls: the names are those in certificates"),
        ("links = 2", "links: is not a key of a server, but of the other end"),
        (
            "[limits]\nlinks = 8",
            "limits.links_per_client: 16 is not allowed: at most limits.links, which is 8",
        ),
    ],
)
def test_what_is_wrong_with_a_server_is_told_in_one_sentence(
    server: Callable[..., ServerConfig], tmp_path: Path, more: str, error: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        server(more)
    assert str(raised.value).startswith(f"{tmp_path}/media1.toml: {error}")


def test_a_server_name_is_a_matter_of_the_client(
    client: Callable[..., ClientConfig], server: Callable[..., ServerConfig]
) -> None:
    table = TLS.replace(" }", ', server_name = "media1" }')
    config = client(table, without="tls")
    assert config.tls is not None
    assert config.tls.server_name == "media1"
    with pytest.raises(ConfigError, match=r"tls.server_name: is not a key of a server"):
        server(table, without="tls")


@pytest.mark.parametrize("name", ["media1", "media1.example.", "198.18.2.1", "2001:db8::7"])
def test_a_server_name_may_be_a_name_or_an_address(
    client: Callable[..., ClientConfig], name: str
) -> None:
    config = client(TLS.replace(" }", f', server_name = "{name}" }}'), without="tls")
    assert config.tls is not None
    assert config.tls.server_name == name


@pytest.mark.parametrize("name", ["", "-x", "a b", "*.example"])
def test_a_server_name_that_no_host_can_have_is_refused(
    client: Callable[..., ClientConfig], name: str
) -> None:
    with pytest.raises(ConfigError, match=r"tls.server_name: .* a host name or an address"):
        client(TLS.replace(" }", f', server_name = "{name}" }}'), without="tls")


@pytest.mark.parametrize(
    "address",
    ["2223", "127.0.0.1", "::1:2223", "[::1]", "[127.0.0.1]:2223", "[::1:2223", "127.0.0.1:x", ""],
)
def test_what_is_no_address_with_a_port_is_refused(
    client: Callable[..., ClientConfig], address: str
) -> None:
    for key in ("listen", "server"):
        with pytest.raises(ConfigError, match=rf"{key}: .* is not allowed: an address"):
            client(f'{key} = "{address}"', without=key)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "198.18.1.1", "[::]"])
def test_metrics_may_be_on_any_address_of_the_host(
    client: Callable[..., ClientConfig], host: str
) -> None:
    assert str(client(f'metrics = "{host}:9223"').metrics) == f"{host}:9223"


def test_the_error_reason_is_what_the_proxy_can_be_told_to_fail_over_on(
    client: Callable[..., ClientConfig],
) -> None:
    assert client('error_reason = "kein Weg"').error_reason == "kein Weg"


@pytest.mark.parametrize("value", ["1", '""', '"a\\u0000b"'])
def test_what_is_no_path_is_refused(client: Callable[..., ClientConfig], value: str) -> None:
    with pytest.raises(ConfigError, match=r"in_flight_file: .* is not allowed: a path, such as"):
        client(f"in_flight_file = {value}")


def test_a_raw_tunnel_without_words_about_ng_is_good(
    client: Callable[..., ClientConfig],
) -> None:
    assert client('protocol = "raw"').protocol is Protocol.RAW


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('role = "client"\nlinks = = 2\n')
    with pytest.raises(ConfigError, match=r"x.toml: is not TOML: .*line 2, column 9"):
        load(path)


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'role = "client"\n\xff')
    with pytest.raises(ConfigError, match=r"x.toml: line 2: is not UTF-8 text"):
        load(path)


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x.toml: cannot be read: No such file or directory"):
        load(tmp_path / "x.toml")


def test_a_directory_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(tmp_path)


def test_a_long_value_is_not_repeated_in_full(client: Callable[..., ClientConfig]) -> None:
    with pytest.raises(ConfigError) as raised:
        client(f'protocol = "{"x" * 10_000}"')
    assert len(str(raised.value)) < 300
