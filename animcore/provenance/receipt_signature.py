"""The optional signature of a receipt: `anna.toml.sig` and the certificate `anna.toml.pem` beside `anna.toml`.

`openssl dgst -sha256 -sign key.pem -out anna.toml.sig anna.toml` makes one. Whose certificate it is, and whether to
believe that, is for people to judge: no authority is asked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from animcore.core.reading import content
from animcore.errors import InputError, readable

_LARGEST = 1 << 20  # bytes of a certificate or a signature


def signer(path: Path) -> dict[str, str]:
    """Return `signed_by` (the certificate's name) and the signature's hash, of a receipt; empty where none is there.

    Raises:
        InputError: where the signature does not belong to this receipt, or cannot be checked.
    """
    signature, certificate = (path.with_name(path.name + ending) for ending in (".sig", ".pem"))
    if not signature.is_file():
        return {}
    if not certificate.is_file():
        raise InputError(f"{signature.name} cannot be checked: put the certificate beside it as {certificate.name}.")
    proof = content(signature, _LARGEST)
    name = _checked(content(path, _LARGEST), proof, content(certificate, _LARGEST), path.name)
    return {"signed_by": name, "signature_sha256": hashlib.sha256(proof).hexdigest()}


def _checked(text: bytes, proof: bytes, certificate: bytes, name: str) -> str:
    """The name in the certificate whose key signed the text."""
    try:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    except ImportError as error:
        raise InputError('A receipt is signed, which only the extra checks: pip install ".[provenance]".') from error
    with readable(f"{name}.pem is no certificate", "save it as PEM"):
        known = x509.load_pem_x509_certificate(certificate)
    key = known.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(proof, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(proof, text, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(proof, text)
        else:
            raise InputError(f"{name}.pem has a key of another kind; sign with ECDSA, RSA or Ed25519.")
    except InvalidSignature as error:
        raise InputError(f"{name} was changed after it was signed, or {name}.sig is another's; sign again.") from error
    named = known.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return " ".join(str(named[0].value).split()) if named else known.subject.rfc4514_string()
