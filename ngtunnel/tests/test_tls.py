"""Contexts for TLS, with real certificates and real handshakes in memory."""

import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ngtunnel import tls
from ngtunnel.config import Address, TlsFiles
from ngtunnel.errors import ConfigError
from tests.certificates import Authority, private_pem


class Handshake:
    """Both ends of one connection, without a socket.

    Attributes:
        client: the client's end.
        server: the server's end.
    """

    def __init__(
        self, client: ssl.SSLContext, server: ssl.SSLContext, name: str = "media1"
    ) -> None:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(down, up, server_hostname=name)
        self.server = server.wrap_bio(up, down, server_side=True)

    def run(self) -> None:
        """Shake hands, and have each end read once, as errors may come after the handshake."""
        steps: list[Callable[[], object]] = [
            self.client.do_handshake,
            self.server.do_handshake,
        ] * 3
        steps += [lambda: self.client.read(1), lambda: self.server.read(1)]
        for step in steps:
            try:
                step()
            except ssl.SSLWantReadError:
                continue


def _shake(client: TlsFiles, server: TlsFiles, name: str = "media1") -> Handshake:
    handshake = Handshake(tls.client_context(client), tls.server_context(server), name)
    handshake.run()
    return handshake


def test_both_ends_are_verified_and_speak_tls_1_3(
    client_files: TlsFiles, server_files: TlsFiles
) -> None:
    handshake = _shake(client_files, server_files)
    assert handshake.client.version() == handshake.server.version() == "TLSv1.3"
    assert tls.peer_names(handshake.server) == {"sip1"}
    assert tls.peer_names(handshake.client) == {"media1"}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_server_can_be_expected_by_its_address(
    client_files: TlsFiles, server_files: TlsFiles, address: str
) -> None:
    assert _shake(client_files, server_files, address).client.version() == "TLSv1.3"


def test_a_client_leaves_a_server_of_another_name(
    client_files: TlsFiles, server_files: TlsFiles
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _shake(client_files, server_files, "media2")


def test_the_expected_name_is_the_one_configured_or_else_the_host(
    client_files: TlsFiles, ca: Authority
) -> None:
    server = Address("198.18.2.1", 2223)
    assert tls.expected_name(client_files, server) == "media1"
    assert tls.expected_name(ca.issue("sip2"), server) == "198.18.2.1"


def test_a_server_refuses_a_client_of_another_authority(
    other_ca_client_files: TlsFiles, server_files: TlsFiles
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        _shake(other_ca_client_files, server_files)


def test_a_client_refuses_a_server_of_another_authority(
    client_files: TlsFiles, other_ca: Authority
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate in"):
        _shake(client_files, other_ca.issue("media1", server=True))


def test_a_server_refuses_an_expired_client(
    expired_client_files: TlsFiles, server_files: TlsFiles
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        _shake(expired_client_files, server_files)


def test_a_client_refuses_an_expired_server(
    client_files: TlsFiles, expired_server_files: TlsFiles
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        _shake(client_files, expired_server_files)


def test_a_server_refuses_a_client_without_a_certificate(
    client_files: TlsFiles, server_files: TlsFiles
) -> None:
    bare = ssl.create_default_context(cafile=client_files.ca)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        Handshake(bare, tls.server_context(server_files)).run()


def test_a_server_refuses_older_versions_of_tls(
    client_files: TlsFiles, server_files: TlsFiles
) -> None:
    old = ssl.create_default_context(cafile=client_files.ca)
    old.load_cert_chain(client_files.certificate, client_files.key)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        Handshake(old, tls.server_context(server_files)).run()


def test_a_servers_certificate_does_not_make_a_client(
    ca: Authority, server_files: TlsFiles
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        _shake(ca.issue("media2", server=True), server_files)


def test_the_systems_authorities_are_not_believed(client_files: TlsFiles) -> None:
    for context in (tls.client_context(client_files), tls.server_context(client_files)):
        assert context.cert_store_stats()["x509"] == 1


def test_nothing_is_resumed(client_files: TlsFiles, server_files: TlsFiles) -> None:
    session = _shake(client_files, server_files).client.session
    assert session is None or not session.has_ticket


def test_names_are_all_dns_names_and_the_common_name(ca: Authority, server_files: TlsFiles) -> None:
    assert _names(ca.issue("sip2", "sip2.example", "198.18.1.2"), server_files) == {
        "sip2",
        "sip2.example",
    }
    assert _names(ca.issue("sip3", alternative_names=False), server_files) == {"sip3"}


def _names(client: TlsFiles, server: TlsFiles) -> frozenset[str]:
    certificate = _shake(client, server).server.getpeercert()
    return tls.peer_names(certificate)


def test_without_a_certificate_there_are_no_names(
    client_files: TlsFiles, server_files: TlsFiles
) -> None:
    unshaken = Handshake(tls.client_context(client_files), tls.server_context(server_files))
    assert tls.peer_names(None) == frozenset()
    with pytest.raises(ValueError, match="handshake not done"):
        tls.peer_names(unshaken.server)


def test_the_own_certificates_end_and_names_can_be_told(client_files: TlsFiles) -> None:
    assert tls.not_after(client_files) == pytest.approx(time.time() + 5 * 86_400, abs=60)
    assert tls.own_names(client_files) == {"sip1"}


def test_the_own_expired_certificate_is_a_warning_with_its_date(
    expired_client_files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    tls.client_context(expired_client_files)
    assert caplog.record_tuples == [
        (
            "ngtunnel.tls",
            logging.WARNING,
            f"{expired_client_files.certificate} (tls.certificate): expired on "
            f"{time.strftime('%b %e %H:%M', time.gmtime(time.time() - 86_400))}"
            + caplog.messages[0][-len(":00 2000 GMT: renew it") :],
        )
    ]


def test_a_certificate_from_the_future_is_a_warning_about_the_clock(
    client_files: TlsFiles, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    tls.client_context(client_files)
    assert [message.split(": ")[1][:14] for message in caplog.messages] == ["is valid from "] * 2


def test_good_files_are_no_occasion_for_words(
    client_files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    tls.client_context(client_files)
    assert caplog.messages == []


@pytest.mark.parametrize("which", ["certificate", "key", "ca"])
def test_a_missing_file_is_told_with_its_key(client_files: TlsFiles, which: str) -> None:
    path: Path = getattr(client_files, which)
    path.unlink()
    with pytest.raises(ConfigError) as raised:
        tls.client_context(client_files)
    assert str(raised.value) == (
        f"{path} (tls.{which}): No such file or directory: put it there, or correct tls.{which}"
    )


@pytest.mark.parametrize(
    ("which", "what"),
    [
        ("certificate", "is not a certificate in PEM"),
        ("key", "is not a private key in PEM"),
        ("ca", "is not a certificate in PEM"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\x00" * 1000])
def test_a_file_of_something_else_is_told_with_its_key(
    client_files: TlsFiles, which: str, what: str, content: bytes
) -> None:
    path: Path = getattr(client_files, which)
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        tls.client_context(client_files)
    assert str(raised.value).startswith(f"{path} (tls.{which}): {what}")


def test_a_directory_is_told_with_its_key(client_files: TlsFiles, tmp_path: Path) -> None:
    files = TlsFiles(tmp_path, client_files.key, client_files.ca)
    with pytest.raises(ConfigError, match=r"\(tls.certificate\): Is a directory: correct tls"):
        tls.client_context(files)


def test_a_key_of_another_certificate_is_told(ca: Authority, client_files: TlsFiles) -> None:
    other = ca.issue("sip2")
    files = TlsFiles(client_files.certificate, other.key, client_files.ca)
    with pytest.raises(ConfigError) as raised:
        tls.client_context(files)
    assert str(raised.value) == (
        f"{other.key} (tls.key): is not the key of {client_files.certificate}: "
        "one of the two was renewed without the other"
    )


def test_a_hosts_certificate_is_no_authority(client_files: TlsFiles) -> None:
    files = TlsFiles(client_files.certificate, client_files.key, client_files.certificate)
    with pytest.raises(ConfigError, match="is not an authority's certificate, but a host's"):
        tls.client_context(files)


def test_a_passphrase_is_refused_and_not_asked_for(ca: Authority, client_files: TlsFiles) -> None:
    client_files.key.write_bytes(private_pem(ca.key, b"secret"))
    with pytest.raises(ConfigError, match=r"\(tls.key\): has a passphrase"):
        tls.client_context(client_files)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_key_of_root_may_be_read_by_the_services_group(
    client_files: TlsFiles, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    client_files.key.chmod(mode)
    tls.client_context(client_files)
    assert caplog.messages == []


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602, 0o777])
def test_a_key_that_others_can_read_or_change_is_refused(client_files: TlsFiles, mode: int) -> None:
    client_files.key.chmod(mode)
    with pytest.raises(ConfigError) as raised:
        tls.client_context(client_files)
    path = client_files.key
    assert str(raised.value).startswith(
        f"{path} (tls.key): has mode {mode:04o}, so that others can read or change it: "
        f"chmod 0640 {path}"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_a_third_user_is_refused(client_files: TlsFiles) -> None:
    os.chown(client_files.key, 12_345, -1)
    with pytest.raises(ConfigError, match=r"\(tls.key\): belongs to user 12345, who could change"):
        tls.client_context(client_files)
