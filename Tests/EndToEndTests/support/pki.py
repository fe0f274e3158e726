"""Trust domains and X.509-SVIDs made with `cryptography`, the forbidden ones too."""

import base64
import datetime
import hashlib
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UTC = datetime.timezone.utc


def now():
    return datetime.datetime.now(UTC)


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def key_usage(*names):
    every = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{each: each in names for each in every})


class Credential:
    """A private key with its certificate chain, in files that `ssl` and `curl` can load."""

    def __init__(self, key, chain, directory, stem):
        self.key, self.chain = key, chain
        directory = pathlib.Path(directory)
        self.cert_file, self.key_file = directory / f"{stem}.pem", directory / f"{stem}.key"
        self.cert_file.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain))
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    @property
    def sha256(self):
        return hashlib.sha256(self.chain[0].public_bytes(serialization.Encoding.DER))

    @property
    def thumbprint(self):
        """`x5t#S256` (RFC 8705)."""
        return base64.urlsafe_b64encode(self.sha256.digest()).rstrip(b"=").decode()

    @property
    def spiffe_id(self):
        names = self.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)[0]


class Authority:
    """The root of one trust domain."""

    def __init__(self, trust_domain, directory):
        self.trust_domain, self.directory = trust_domain, pathlib.Path(directory)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        usage, uri = key_usage("key_cert_sign", "crl_sign"), f"spiffe://{trust_domain}"
        self.certificate = self._build(
            name(trust_domain),
            name(trust_domain),
            self.key,
            self.key,
            [uri],
            [],
            now() - datetime.timedelta(hours=1),
            now() + datetime.timedelta(days=1),
            True,
            usage,
            None,
        )
        self.bundle_file = self.directory / f"{trust_domain}.bundle.pem"
        self.bundle_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def svid(
        self,
        *uris,
        key=None,
        dns=(),
        ca=False,
        usage=("digital_signature",),
        eku="both",
        starts=-3600,
        ends=3600,
        stem=None,
    ):
        """A leaf; the defaults make a good SVID, `starts` and `ends` are seconds from now."""
        self._count += 1
        key = key or ec.generate_private_key(ec.SECP256R1())
        kinds = {
            "both": [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            "server": [ExtendedKeyUsageOID.SERVER_AUTH],
            None: None,
        }[eku]
        leaf = self._build(
            name(f"leaf {self._count}"),
            self.certificate.subject,
            key,
            self.key,
            uris,
            dns,
            now() + datetime.timedelta(seconds=starts),
            now() + datetime.timedelta(seconds=ends),
            ca,
            key_usage(*usage) if usage is not None else None,
            kinds,
        )
        return Credential(key, [leaf], self.directory, stem or f"{self.trust_domain}-{self._count}")

    def _build(self, subject, issuer, key, signer, uris, dns, starts, ends, ca, usage, eku):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        for each in dns:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(each)))
            except ValueError:
                names.append(x509.DNSName(each))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage is not None:
            builder = builder.add_extension(usage, critical=True)
        if eku is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
        return builder.sign(signer, hashes.SHA256())


def self_signed(directory, stem, *, dns=()):
    """A certificate of a person or a web server, known by its digest: no trust domain, no SPIFFE ID."""
    authority = Authority.__new__(Authority)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority._build(
        name(stem),
        name(stem),
        key,
        key,
        [],
        dns,
        now() - datetime.timedelta(hours=1),
        now() + datetime.timedelta(days=1),
        False,
        key_usage("digital_signature"),
        None,
    )
    return Credential(key, [certificate], directory, stem)
