"""TLS between the two ends: version 1.3, a certificate on each side, one authority for both."""

import _ssl
import logging
import os
import ssl
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ngtunnel.config import Address, TlsFiles
from ngtunnel.errors import ConfigError

_LOGGER = logging.getLogger(__name__)

_KEY_MISMATCHES = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the client's context; the server's name is verified against ``server_hostname``.

    Raises:
        ConfigError: a file cannot be used; the message names it and says what to do.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the server's context; it takes only clients with a certificate.

    Raises:
        ConfigError: a file cannot be used; the message names it and says what to do.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, files)


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    _check_readable(files.certificate, "tls.certificate")
    _check_readable(files.key, "tls.key")
    _check_readable(files.ca, "tls.ca")
    _check_private(files.key)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        # Links live for days and are few: nothing needs to be resumed, and a ticket would outlive
        # the certificate, and the list of allowed names, that it was made under.
        context.num_tickets = 0
    _load_authority(context, files.ca)
    _load_own(context, files)
    return context


def _check_readable(path: Path, key: str) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        remedy = {
            FileNotFoundError: f"put it there, or correct {key}",
            PermissionError: f"let user {os.geteuid()}, who runs this, read it",
        }.get(type(error), f"correct {key}")
        raise ConfigError(f"{path} ({key}): {error.strerror}: {remedy}") from None


def _check_private(path: Path) -> None:
    """Refuse a key that others can read.

    A group may read it only if root owns it, as then the group is how the service gets at it: the
    rule of PostgreSQL (ssl_key_file).
    """
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path} (tls.key): belongs to user {status.st_uid}, who could change it: "
            f"chown root {path}"
        )
    safe = 0o640 if status.st_uid == 0 else 0o600
    if mode & 0o077 & ~safe:
        raise ConfigError(
            f"{path} (tls.key): has mode {mode:04o}, so that others can read or change it: "
            f"chmod {safe:04o} {path}, and if it was like that for long, replace the key"
        )


def _load_authority(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ConfigError(
            f"{path} (tls.ca): is not a certificate in PEM: it begins with "
            "-----BEGIN CERTIFICATE-----"
        ) from None
    authorities = context.get_ca_certs()
    if not authorities:
        raise ConfigError(
            f"{path} (tls.ca): is not an authority's certificate, but a host's: "
            "put there the one that signed the hosts'"
        )
    for authority in authorities:
        _warn_of_dates(f"{path} (tls.ca)", authority)


def _load_own(context: ssl.SSLContext, files: TlsFiles) -> None:
    decoded = _decode(files.certificate)

    def refuse_passphrase() -> str:
        raise ConfigError(
            f"{files.key} (tls.key): has a passphrase, and nobody is there to type it: "
            "store the key without one"
        )

    try:
        context.load_cert_chain(files.certificate, files.key, refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason in _KEY_MISMATCHES:
            raise ConfigError(
                f"{files.key} (tls.key): is not the key of {files.certificate}: "
                "one of the two was renewed without the other"
            ) from None
        raise ConfigError(
            f"{files.key} (tls.key): is not a private key in PEM that OpenSSL can use with "
            f"{files.certificate} ({error.reason or error.strerror})"
        ) from None
    _warn_of_dates(f"{files.certificate} (tls.certificate)", decoded)


def _decode(path: Path) -> Mapping[str, Any]:
    # What getpeercert() is made of; for files it has no public name.
    decode: Callable[[str], Mapping[str, Any]] = getattr(_ssl, "_test_decode_cert")  # noqa: B009
    try:
        return decode(str(path))
    except (OSError, ValueError):
        raise ConfigError(
            f"{path} (tls.certificate): is not a certificate in PEM: it begins with "
            "-----BEGIN CERTIFICATE-----"
        ) from None


def _warn_of_dates(what: str, certificate: Mapping[str, Any]) -> None:
    now = time.time()
    if ssl.cert_time_to_seconds(certificate["notAfter"]) <= now:
        _LOGGER.warning("%s: expired on %s: renew it", what, certificate["notAfter"])
    elif ssl.cert_time_to_seconds(certificate["notBefore"]) > now:
        _LOGGER.warning(
            "%s: is valid from %s only: check this host's clock", what, certificate["notBefore"]
        )


def not_after(files: TlsFiles) -> float:
    """Tell when this end's own certificate expires, in seconds since the epoch.

    Raises:
        ConfigError: it is not a certificate.
    """
    return float(ssl.cert_time_to_seconds(_decode(files.certificate)["notAfter"]))


def own_names(files: TlsFiles) -> frozenset[str]:
    """Tell what this end's own certificate is for.

    Raises:
        ConfigError: it is not a certificate.
    """
    return peer_names(_decode(files.certificate))


def expected_name(files: TlsFiles, server: Address) -> str:
    """Tell what to pass as ``server_hostname``; a connection without one verifies no name."""
    return files.server_name or server.host


def peer_names(peer: ssl.SSLObject | ssl.SSLSocket | Mapping[str, Any] | None) -> frozenset[str]:
    """Tell the names in a verified certificate: DNS names and the common name.

    Args:
        peer: a connection's SSL object, or what its ``getpeercert()`` returned.

    Returns:
        Nothing if there is no certificate, or it was not verified.
    """
    found: Any = peer if isinstance(peer, Mapping | None) else peer.getpeercert()
    certificate: Mapping[str, Any] = found or {}
    alternative = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    common = {
        value
        for relative_name in certificate.get("subject", ())
        for kind, value in relative_name
        if kind == "commonName"
    }
    return frozenset(alternative | common)
