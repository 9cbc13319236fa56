"""Certificates for one run: an authority, and one certificate for each end, valid for a day."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

SERVER_NAME = "media1"
CLIENT_NAME = "sip1"


@dataclass(frozen=True)
class Certificates:
    """Where the PEM files are.

    Attributes:
        directory: has ``ca.pem``, and ``NAME.pem`` with ``NAME.key`` for both ends.
        server_name: what the server's certificate says.
    """

    directory: Path
    server_name: str = SERVER_NAME

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.directory / "ca.pem"

    def certificate(self, name: str) -> Path:
        """Return the certificate of an end."""
        return self.directory / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Return the private key of an end."""
        return self.directory / f"{name}.key"


class Deployed(Certificates):
    """Those that role ``ngtunnel`` puts on every host: each has its own under the same names."""

    def certificate(self, name: str) -> Path:
        """Return the certificate of the host's end."""
        return self.directory / "certificate.pem"

    def key(self, name: str) -> Path:
        """Return the private key of the host's end."""
        return self.directory / "key.pem"


def make(directory: Path) -> Certificates:
    """Make them.

    Raises:
        BenchError: openssl is missing, or older than 3.0.
    """
    made = Certificates(directory)
    authority = ["-CA", str(made.ca), "-CAkey", str(made.key("ca"))]
    _request(made, "ca", ["-addext", "basicConstraints=critical,CA:TRUE"])
    for name in (SERVER_NAME, CLIENT_NAME):
        _request(
            made,
            name,
            [
                *authority,
                *("-addext", f"subjectAltName=DNS:{name}"),
                *("-addext", "basicConstraints=critical,CA:FALSE"),
                *("-addext", "extendedKeyUsage=serverAuth,clientAuth"),
            ],
        )
    return made


def _request(made: Certificates, name: str, extensions: list[str]) -> None:
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-keyout", str(made.key(name)), "-out", str(made.certificate(name)), *extensions]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, umask=0o077)
    except FileNotFoundError as error:
        raise BenchError("openssl: not installed") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise BenchError(f"openssl made no certificate (it must be 3.0 or later): {lines[-1]}")
