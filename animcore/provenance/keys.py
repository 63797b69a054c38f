"""What manifests are signed with: a key made on this computer, a studio's own, or a command that signs."""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.reading import content
from animcore.errors import InputError, readable

FOLDER = "ANIMCORE_PROVENANCE"  # an environment variable: where the keys are, in the place of the home folder's
_OWN, _SETTINGS = "identity.pem", "settings.toml"  # the first holds key and chain, so that they always fit
_WATERMARK = "watermark"
_BEGIN = b"-----BEGIN CERTIFICATE"
_YEARS = 10
_COMMAND_SECONDS = 60
_LARGEST = 1 << 20  # bytes of a certificate or a key
_ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")


@dataclass(frozen=True)
class Identity:
    """Who signs, and how.

    Attributes:
        chain: certificates as PEM, the signer's first.
        algorithm: of C2PA: es256, ps256, ed25519 ...
        key: private key as PEM, or empty where a command signs.
        command: takes the bytes to sign on its input, and writes the signature.
        time_server: that confirms when it was signed (RFC 3161); none by default, and then nothing is asked.
    """

    chain: bytes
    algorithm: str
    key: bytes = b""
    command: str = ""
    time_server: str = ""

    def __repr__(self) -> str:
        """Name the signer, and never the key: logs hold this."""
        return f"Identity({self.algorithm}, {'command' if self.command else 'key'})"

    def signed_by_command(self) -> Callable[[bytes], bytes]:
        """Return what signs bytes through the command."""

        def sign(data: bytes) -> bytes:
            done = subprocess.run(
                shlex.split(self.command), input=data, capture_output=True, timeout=_COMMAND_SECONDS, check=False
            )
            if done.returncode != 0:
                raise InputError(f"The signer command failed ({done.stderr.decode(errors='replace').strip()[:160]}).")
            return done.stdout

        return sign


def folder() -> Path:
    """Return where key, certificate and settings are."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else Path.home() / ".config" / "animcore" / "provenance"


def identity() -> Identity | None:
    """Return who signs here; a key is made the first time. None where signing is switched off.

    Raises:
        InputError: where the key cannot be made or read.
    """
    settings = _settings()
    if not settings.get("sign", True):
        return None
    if "certificate" in settings:
        chain = content(Path(settings["certificate"]), _LARGEST)
        key = content(Path(settings["key"]), _LARGEST) if settings.get("key") else b""
        given = (settings.get("command", ""), settings.get("time_server", ""))
        return Identity(chain, settings["algorithm"], key, *given)
    if not (folder() / _OWN).is_file():
        _make()
    key, begin, chain = content(folder() / _OWN, _LARGEST).partition(_BEGIN)
    return Identity(begin + chain, "es256", key, time_server=settings.get("time_server", ""))


def use(certificate: Path, key: Path | None, command: str = "", algorithm: str = "", time_server: str = "") -> None:
    """Sign with the user's own certificate from now on; the key stays where it is, and only its path is noted.

    Args:
        certificate: chain as PEM, the signer's first.
        key: private key as PEM, or None where a command signs.
        command: that signs what it reads, such as one of a PKCS#11 token.
        algorithm: of C2PA; needed with a command, else found by the key.
        time_server: address of an RFC 3161 server.

    Raises:
        InputError: where one of them cannot be used, or anybody on the computer may read the key.
    """
    if (key is None) == (not command):
        raise InputError("Give either a private key (PEM) or --command, which signs in its place.")
    kind = _checked(certificate, key)
    if algorithm and algorithm not in _ALGORITHMS:
        raise InputError(f"C2PA has no algorithm {algorithm!r}; it has {', '.join(_ALGORITHMS)}.")
    values = {"certificate": str(certificate.resolve()), "algorithm": algorithm or kind, "time_server": time_server}
    values |= {"key": str(key.resolve())} if key is not None else {"command": command}
    _write(values | _off())


def switch(*, on: bool) -> None:
    """Sign again with the key of this computer, or sign no more; the plain mark is written all the same.

    Raises:
        InputError: where the settings cannot be written.
    """
    _write(({} if on else {"sign": False}) | _off())


def switch_watermark(*, on: bool) -> None:
    """Mark pixels from now on, or no more, whatever the commands' own option says.

    Raises:
        InputError: where the settings cannot be written.
    """
    rest = {name: value for name, value in _settings().items() if name != _WATERMARK}
    _write(rest if on else {**rest, _WATERMARK: False})


def has_watermark() -> bool:
    """Whether pixels are marked on this computer, where they need to be."""
    return not _off()


def _off() -> dict[str, bool]:
    """The setting that switches the watermark off, where it is there."""
    return {} if _settings().get(_WATERMARK, True) else {_WATERMARK: False}


def anchors() -> str:
    """Return the certificates that are this computer's own, as PEM; empty where there are none."""
    settings = _settings()
    path = Path(settings["certificate"]) if "certificate" in settings else folder() / _OWN
    if not path.is_file():
        return ""
    _, begin, chain = content(path, _LARGEST).partition(_BEGIN)
    return (begin + chain).decode("ascii", "replace")


def _settings() -> dict[str, Any]:
    path = folder() / _SETTINGS
    if not path.is_file():
        return {}
    with readable(f"{path} is broken", "remove it, or run `animcore provenance use` again"):
        return tomllib.loads(content(path, _LARGEST).decode())


def _write(values: dict[str, Any]) -> None:
    make_folder(folder())
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items() if value != ""]
    with whole_file(folder() / _SETTINGS) as temporary:
        _private(temporary, "".join(lines).encode())


def _toml(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _private(path: Path, data: bytes) -> None:
    """Write a file that only this user may read, from the first byte on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    path.chmod(0o600)


def _crypto() -> Any:
    try:
        import cryptography.x509
    except ImportError as error:
        raise InputError('Keys need the package cryptography: pip install ".[provenance]".') from error
    return cryptography.x509


def _checked(certificate: Path, key: Path | None) -> str:
    """The algorithm of a certificate that has not ended and that a key, where there is one, belongs to."""
    x509 = _crypto()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with readable(f"{certificate.name} is no certificate in PEM form", "export it as PEM, the signer's first"):
        found = x509.load_pem_x509_certificates(content(certificate, _LARGEST))[0]
    if found.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise InputError(f"{certificate.name} ended on {found.not_valid_after_utc:%Y-%m-%d}; renew it.")
    if key is not None:
        if os.name == "posix" and key.is_file() and key.stat().st_mode & 0o077:
            raise InputError(f"Others on this computer may read {key}; run `chmod 600 {key}` first.")
        with readable(f"{key.name} is no private key in PEM form without a password", "export it so, or use --command"):
            own = load_pem_private_key(content(key, _LARGEST), None)
        if own.public_key() != found.public_key():
            raise InputError(f"{key.name} is not the key of {certificate.name}; give the pair.")
    return _algorithm(found.public_key())


def _algorithm(public: Any) -> str:
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    curve = getattr(getattr(public, "curve", None), "name", None)
    if curve in curves:
        return curves[curve]
    return {"RSAPublicKey": "ps256", "Ed25519PublicKey": "ed25519"}.get(type(public).__name__.lstrip("_"), "es256")


def _make() -> None:
    """Make a key and a chain of two certificates; C2PA takes no certificate that signs itself."""
    _crypto()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    make_folder(folder())
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = [_certificate("signer", own, root, is_root=False), _certificate("root", root, root, is_root=True)]
    pem = serialization.Encoding.PEM
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with whole_file(folder() / _OWN) as temporary:  # the key of the root is forgotten here
        _private(temporary, private + b"".join(one.public_bytes(pem) for one in chain))


def _certificate(name: str, key: Any, issuer: Any, *, is_root: bool) -> Any:
    """A certificate as C2PA requires; it names no person."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text: str) -> Any:
        parts = ((NameOID.ORGANIZATION_NAME, "Animcore on this computer"), (NameOID.COMMON_NAME, text))
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])

    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(not is_root, False, False, False, False, is_root, is_root, False, False)
    built = (
        x509.CertificateBuilder(named("root"), named(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(is_root, 0 if is_root else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )
    if not is_root:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        built = built.add_extension(purposes, critical=False)
    return built.sign(issuer, hashes.SHA256())
