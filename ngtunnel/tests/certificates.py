"""Makes certificates for tests, in files, as an authority would issue them to hosts."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ngtunnel.config import TlsFiles

_DAY = datetime.timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Authority:
    """A certificate authority with its own directory.

    Attributes:
        directory: where its files are: ``ca.pem``, and what it issued.
        key: its private key.
        certificate: its self-signed certificate.
    """

    directory: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, directory: Path, common_name: str = "test CA") -> "Authority":
        """Make an authority and write its ``ca.pem``."""
        directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(_name(common_name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + 10 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_ca_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        authority = cls(directory, key, certificate)
        authority.ca_file.write_bytes(_pem(certificate))
        return authority

    @property
    def ca_file(self) -> Path:
        """Its own certificate."""
        return self.directory / "ca.pem"

    def issue(
        self,
        name: str,
        *more_names: str,
        server: bool = False,
        days: float = 5,
        server_name: str | None = None,
        alternative_names: bool = True,
    ) -> TlsFiles:
        """Issue a certificate and write it and its key to files.

        Args:
            name: the common name; also the files' name, so that a second call renews the first.
            more_names: further alternative names, or addresses.
            server: for a server; else for a client.
            days: how long it is valid from now; negative ones have passed.
            server_name: what the client is to expect of the server.
            alternative_names: whether it has any.

        Returns:
            The paths, with the key readable by its owner only.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.datetime.now(datetime.UTC) + days * _DAY
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(until, datetime.datetime.now(datetime.UTC)) - _DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        if alternative_names:
            names = [_alternative(one) for one in (name, *more_names)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        files = TlsFiles(
            self.directory / f"{name}.pem",
            self.directory / f"{name}.key",
            self.ca_file,
            server_name,
        )
        files.certificate.write_bytes(_pem(builder.sign(self.key, hashes.SHA256())))
        files.key.touch(0o600)
        files.key.write_bytes(private_pem(key))
        return files


def private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """Write a private key as PEM, encrypted if there is a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
