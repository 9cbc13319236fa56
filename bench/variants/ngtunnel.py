"""ngtunnel as it is deployed, but without systemd: plain, over TLS, and without knowing of ng."""

from functools import partial

from bench.certificates import CLIENT_NAME, SERVER_NAME
from bench.processes import Program
from bench.variants.model import LOOPBACK, NGTUNNEL, Ground, Setup, Variant, through


def _build(ground: Ground, *, protocol: str, tls: bool) -> Setup:
    target, server, client = (next(ground.ports) for _ in range(3))
    server_file = ground.write(
        "server.toml",
        f'role = "server"\nprotocol = "{protocol}"\n'
        f'listen = "{ground.far}:{server}"\ntarget = "{LOOPBACK}:{target}"\n'
        f"tls = {_tls(ground, SERVER_NAME) if tls else 'false'}\n",
    )
    # Only ng has requests that could be kept over a crash.
    kept = f'in_flight_file = "{ground.directory}/in-flight"\n' if protocol == "ng" else ""
    client_file = ground.write(
        "client.toml",
        f'role = "client"\nprotocol = "{protocol}"\n'
        f'listen = "{LOOPBACK}:{client}"\nserver = "{ground.far}:{server}"\n{kept}'
        f"tls = {_tls(ground, CLIENT_NAME) if tls else 'false'}\n",
    )
    return through(
        ground,
        (LOOPBACK, target),
        (LOOPBACK, client),
        Program((ground.ngtunnel, "server", "--config", server_file), "tcp", server),
        Program((ground.ngtunnel, "client", "--config", client_file), "udp", client),
    )


def _tls(ground: Ground, name: str) -> str:
    files = ground.certificates
    words = [
        f'certificate = "{files.certificate(name)}"',
        f'key = "{files.key(name)}"',
        f'ca = "{files.ca}"',
    ]
    if name == CLIENT_NAME:
        words.append(f'server_name = "{files.server_name}"')
    return f"{{ {', '.join(words)} }}"


def _variant(name: str, about: str, *, protocol: str, tls: bool) -> Variant:
    return Variant(name, about, NGTUNNEL, "", partial(_build, protocol=protocol, tls=tls))


PLAIN = _variant("ngtunnel", 'protocol = "ng", tls = false', protocol="ng", tls=False)
TLS = _variant(
    "ngtunnel-tls", 'protocol = "ng", TLS 1.3, certificates on both sides', protocol="ng", tls=True
)
RAW = _variant("ngtunnel-raw", 'protocol = "raw", tls = false', protocol="raw", tls=False)
