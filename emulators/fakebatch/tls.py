"""The self-signed certificate for https."""

import shutil
import ssl
import subprocess
from pathlib import Path

from fakebatch.errors import CertificateError


def make_certificate(directory: Path, host: str) -> Path:
    """Create a self-signed certificate for `host` and localhost, and its key beside it. Returns its path.

    The `openssl` program creates both. Raises CertificateError if there is no such program, or if it fails.
    """
    program = shutil.which("openssl")
    if program is None:
        raise CertificateError("--https needs the openssl program on PATH")
    directory.mkdir(parents=True, exist_ok=True)
    certificate = directory / "certificate.pem"
    kind = "IP" if host.replace(".", "").isdigit() or ":" in host else "DNS"
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "365", "-subj", "/CN=localhost", "-keyout", str(_key_of(certificate))]
    command += ["-addext", f"subjectAltName=DNS:localhost,IP:127.0.0.1,{kind}:{host}"]
    made = subprocess.run([*command, "-out", str(certificate)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise CertificateError(f"openssl failed: {made.stderr.strip()}")
    return certificate


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return the TLS settings of a server, for a certificate with its key beside it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, _key_of(certificate))
    return context


def _key_of(certificate: Path) -> Path:
    return certificate.with_name("key.pem")
