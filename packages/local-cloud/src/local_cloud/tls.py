"""https for the local cloud: a certificate authority of its own, and certificates for 127.0.0.1.

The authority is created at first use, beside the data file. The risk of trusting it is small: it can only certify this
computer's own names (RFC 5280, name constraints), and only the user can read its key.
"""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_cloud.private_files import write_privately
from local_cloud.tls_files import Files, files

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 90
RENEWED_DAYS = 30  # before its end an authority is replaced
_ADDRESS = ipaddress.IPv4Network("127.0.0.1/32")
_NAME = "localhost"


def prepare(data: Path, now: float) -> Files:
    """Make a certificate for the server, and an authority if there is none or its end is near.

    Args:
        data: the data file.
        now: this computer's time, in seconds since 1970.
    """
    found = files(data)
    found.authority.parent.mkdir(mode=0o700, exist_ok=True)
    moment = datetime.fromtimestamp(now, UTC)
    authority, signer = _authority(found.authority, moment)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("goldrun local cloud", authority.subject, key.public_key(), moment, CERTIFICATE_DAYS)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(_ADDRESS.network_address), x509.DNSName(_NAME)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    write_privately(found.key, _pem(key))
    write_privately(found.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    trusted = ssl.get_default_verify_paths().cafile
    system = Path(trusted).read_bytes() if trusted else b""
    write_privately(found.bundle, system.rstrip() + b"\n" + found.authority.read_bytes())
    return found


def _authority(path: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority; create one if there is none or its end is near."""
    key_path = path.with_suffix(".key")
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (OSError, ValueError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and certificate.not_valid_after_utc > now + timedelta(RENEWED_DAYS):
        return certificate, key
    made = ec.generate_private_key(ec.SECP256R1())
    name = f"goldrun local cloud on {_NAME}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(name, subject, made.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.NameConstraints([x509.IPAddress(_ADDRESS), x509.DNSName(_NAME)], excluded_subtrees=None), critical=True
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(made.public_key()), critical=False)
        .sign(made, hashes.SHA256())
    )
    write_privately(key_path, _pem(made))
    write_privately(path, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, made


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
