"""trojan of Debian in its ``forward`` mode: UDP over TLS to one target, many peers.

It opens a TLS connection for each peer, which ends after ``udp_timeout`` without traffic. The
client authenticates itself by a password, the server by its certificate.
"""

import json

from bench.certificates import SERVER_NAME
from bench.processes import Program
from bench.variants.model import LOOPBACK, Ground, Setup, Variant, through

_PASSWORD = "bench"  # noqa: S105 - for this run, on loopback
_TLS = {
    "cipher": "",
    "cipher_tls13": "TLS_AES_256_GCM_SHA384",
    "alpn": ["http/1.1"],
    "reuse_session": True,
    "session_ticket": False,
    "curves": "",
}
_TCP = {"no_delay": True, "keep_alive": True, "reuse_port": False, "fast_open": False}
_WARNINGS = 2


def _build(ground: Ground) -> Setup:
    target, server, client = (next(ground.ports) for _ in range(3))
    server_file = ground.write("trojan-server.json", json.dumps(_server(ground, server)))
    client_file = ground.write(
        "trojan-client.json", json.dumps(_client(ground, client, server, target))
    )
    return through(
        ground,
        (LOOPBACK, target),
        (LOOPBACK, client),
        Program(("trojan", "-c", server_file), "tcp", server),
        Program(("trojan", "-c", client_file), "udp", client),
    )


def _server(ground: Ground, port: int) -> dict[str, object]:
    files = {
        "cert": str(ground.certificates.certificate(SERVER_NAME)),
        "key": str(ground.certificates.key(SERVER_NAME)),
        "key_password": "",
        "prefer_server_cipher": True,
        "session_timeout": 600,
        "plain_http_response": "",
        "dhparam": "",
    }
    return {
        "run_type": "server",
        "local_addr": LOOPBACK,
        "local_port": port,
        # Where it sends those that do not know the password.
        "remote_addr": LOOPBACK,
        "remote_port": 9,
        "password": [_PASSWORD],
        "log_level": _WARNINGS,
        "ssl": {**_TLS, **files},
        "tcp": {**_TCP, "fast_open_qlen": 20, "prefer_ipv4": True},
        "mysql": {"enabled": False},
    }


def _client(ground: Ground, port: int, server: int, target: int) -> dict[str, object]:
    believed = {
        "verify": True,
        "verify_hostname": True,
        "cert": str(ground.certificates.ca),
        "sni": SERVER_NAME,
    }
    return {
        "run_type": "forward",
        "local_addr": LOOPBACK,
        "local_port": port,
        "remote_addr": LOOPBACK,
        "remote_port": server,
        "target_addr": LOOPBACK,
        "target_port": target,
        "password": [_PASSWORD],
        "udp_timeout": 60,
        "log_level": _WARNINGS,
        "ssl": {**_TLS, **believed},
        "tcp": {**_TCP, "fast_open_qlen": 20},
    }


TROJAN = Variant(
    "trojan",
    "forward mode over TLS 1.3: a connection for each peer, a password for the client",
    "trojan",
    "trojan",
    _build,
)
