"""Certificates for the tests, made anew for each."""

from pathlib import Path

import pytest

from ngtunnel.config import TlsFiles
from tests.certificates import Authority


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    """The authority that both ends believe."""
    return Authority.create(tmp_path / "ca")


@pytest.fixture
def other_ca(tmp_path: Path) -> Authority:
    """An authority that nobody believes."""
    return Authority.create(tmp_path / "other-ca", "other CA")


@pytest.fixture
def server_files(ca: Authority) -> TlsFiles:
    """The server's: for ``media1`` and loopback."""
    return ca.issue("media1", "127.0.0.1", "::1", server=True)


@pytest.fixture
def client_files(ca: Authority) -> TlsFiles:
    """The client's: for ``sip1``; it expects ``media1``."""
    return ca.issue("sip1", server_name="media1")


@pytest.fixture
def expired_client_files(ca: Authority) -> TlsFiles:
    """A client's that expired yesterday."""
    return ca.issue("sip9", server_name="media1", days=-1)


@pytest.fixture
def expired_server_files(ca: Authority) -> TlsFiles:
    """A server's that expired yesterday."""
    return ca.issue("media9", "media1", "127.0.0.1", server=True, days=-1)


@pytest.fixture
def other_ca_client_files(other_ca: Authority, ca: Authority) -> TlsFiles:
    """A client's from the other authority; it believes the right one."""
    files = other_ca.issue("sip1", server_name="media1")
    return TlsFiles(files.certificate, files.key, ca.ca_file, files.server_name)
