"""The certificate of a stack without keys: made for one start, and trusted by the stack's processes only."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batchmgr.devstack.tcp_ports import LOOPBACK

_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The files of a certificate for this machine.

    `trusted` holds the certificate, and those that this machine trusts anyway. Name it in `SSL_CERT_FILE`.
    """

    certificate: Path
    key: Path
    trusted: Path


def make_certificate(directory: Path) -> Certificate:
    """Create a self-signed certificate for 127.0.0.1 and localhost in a directory that exists."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "batchmgr local stack")])
    hosts = [x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost")]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(
        certificate=directory / "certificate.pem",
        key=directory / "key.pem",
        trusted=directory / "trusted.pem",
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    files.certificate.write_bytes(public)
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    files.trusted.write_bytes(_trusted_anyway() + public)
    return files


def _trusted_anyway() -> bytes:
    """Return the certificates that this machine trusts, because `SSL_CERT_FILE` takes their place."""
    usual = ssl.get_default_verify_paths().cafile
    return Path(usual).read_bytes() + b"\n" if usual else b""
