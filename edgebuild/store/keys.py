"""Ed25519 keys in PEM files, as OpenSSL writes them too: made, read, and refused where they are something else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.store.files import read_bytes, write_all, writing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNING_KEY = "EDGEBUILD_SIGNING_KEY"
"""Environment: the private key that signs, as PEM text or as a path."""
PASSPHRASE = "EDGEBUILD_SIGNING_PASSPHRASE"  # noqa: S105 - the name of a variable
TRUSTED_KEYS = "EDGEBUILD_TRUSTED_KEYS"
"""Environment: the public keys that signatures are held against, as PEM text or as paths with colons between them."""
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before an Ed25519 key's 32 bytes in its DER encoding (RFC 8410)."""
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_MAKE = "make one with `edgebuild sign --new-key FILE`"

AskPassphrase = Callable[[str], str]


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are held against: its 32 bytes, and where it is from."""

    raw: bytes
    source: str = ""

    @property
    def id(self) -> str:
        """The sha256 of its DER encoding: of what ``openssl pkey -pubin -outform DER`` writes."""
        return digest_bytes(_SPKI + self.raw)

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Whether its private key made this signature of this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key, and the public one that belongs to it."""

    _private: Ed25519PrivateKey
    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """The signature: 64 bytes."""
        return self._private.sign(message)


def short_id(key_id: str) -> str:
    """A key's id as it is shown: long enough to tell keys apart."""
    return key_id[:16]


def new_signing_key(path: Path) -> tuple[SigningKey, Path]:
    """Make a key: the private one at ``path``, for its owner alone, and the public one beside it, at ``path``.pub.

    Raises:
        ConfigError: something is there already, or can't be written to.
    """
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private, public = Ed25519PrivateKey.generate(), path.with_name(path.name + ".pub")
    secret = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    open_ = private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    _write_new(public, open_, 0o644)
    try:
        _write_new(path, secret, 0o600)
    except BaseException:
        public.unlink()
        raise
    return _with_public(private, str(path)), public


def find_signing_key(path: Path | None, ask: AskPassphrase | None = None) -> SigningKey:
    """The key at ``path``, else the one that ``EDGEBUILD_SIGNING_KEY`` holds or names.

    Args:
        ask: asks somebody for the passphrase of what it is told; ``EDGEBUILD_SIGNING_PASSPHRASE`` goes before.

    Raises:
        ConfigError: there is none, or it is no Ed25519 private key, or its passphrase is missing or wrong.
    """
    given = os.environ.get(SIGNING_KEY, "")
    if path is None and not given:
        raise ConfigError("key", f"none is given: neither --key nor {SIGNING_KEY}", fix=_MAKE)
    if path is None and given.lstrip().startswith("-----BEGIN"):
        return _signing_key(given.encode(), SIGNING_KEY, ask)
    named = path or Path(given)
    return _signing_key(read_bytes(named), str(named), ask)


def find_trusted_keys(paths: Sequence[Path]) -> list[PublicKey]:
    """The public keys in some files, else those that ``EDGEBUILD_TRUSTED_KEYS`` holds or names; none if neither.

    Raises:
        ConfigError: a file holds none, or something else than Ed25519 public keys.
    """
    given = os.environ.get(TRUSTED_KEYS, "")
    if not paths and given.lstrip().startswith("-----BEGIN"):
        return _public_keys(given.encode(), TRUSTED_KEYS)
    named = paths or [Path(each) for each in given.split(":") if each]
    return [key for path in named for key in _public_keys(read_bytes(path), str(path))]


def _signing_key(data: bytes, source: str, ask: AskPassphrase | None) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    block = _BLOCK.search(data)
    label = block[1].decode() if block else ""
    if block is None or not label.endswith("PRIVATE KEY"):
        found = "holds a public key" if label == "PUBLIC KEY" else "holds no private key"
        raise ConfigError(source, found, expected="a private key in PEM, with its line breaks", fix=_MAKE)
    if label == "OPENSSH PRIVATE KEY":
        raise ConfigError(source, "holds a key in the form of OpenSSH", expected="PEM (PKCS #8)", fix=_MAKE)
    key = _loaded(block[0], source, ask)
    if not isinstance(key, Ed25519PrivateKey):
        raise _other_type(source, key)
    return _with_public(key, source)


def _loaded(pem: bytes, source: str, ask: AskPassphrase | None) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if b"ENCRYPTED" not in pem:
            return load_pem_private_key(pem, None)
        return load_pem_private_key(pem, _passphrase(source, ask).encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        wrong = "the passphrase is wrong, or the key is damaged" if b"ENCRYPTED" in pem else "the key is damaged"
        raise ConfigError(source, wrong, expected="an Ed25519 private key in PEM", fix=_MAKE) from error


def _passphrase(source: str, ask: AskPassphrase | None) -> str:
    given = os.environ.get(PASSPHRASE) or (ask(source) if ask is not None else "")
    if not given:
        raise ConfigError(source, "needs a passphrase, and there is nobody to ask", fix=f"set {PASSPHRASE}")
    return given


def _public_keys(data: bytes, source: str) -> list[PublicKey]:
    blocks = list(_BLOCK.finditer(data))
    if not blocks:
        fix = "give the file that ends in .pub"
        raise ConfigError(source, "holds no public key", expected="Ed25519 public keys in PEM", fix=fix)
    return [_public_key(block[0], block[1].decode(), source) for block in blocks]


def _public_key(pem: bytes, label: str, source: str) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if label != "PUBLIC KEY":
        found = "a private key, which is not to be given away" if "PRIVATE" in label else f"a {label.lower()}"
        raise ConfigError(source, f"holds {found}", expected="Ed25519 public keys in PEM", fix="give its public key")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(source, "the key is damaged", expected="an Ed25519 public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _other_type(source, key)
    return PublicKey(key.public_bytes_raw(), source)


def _with_public(private: Ed25519PrivateKey, source: str) -> SigningKey:
    return SigningKey(private, PublicKey(private.public_key().public_bytes_raw(), source))


def _other_type(source: str, key: object) -> ConfigError:
    kind = type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey").lstrip("_")
    return ConfigError(source, f"holds a key of another type ({kind})", expected="an Ed25519 key", fix=_MAKE)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        with writing(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except ConfigError as error:
        if path.exists():
            raise ConfigError(str(path), "is there already: a key is never overwritten", fix="name another") from error
        raise
    try:
        with writing(path):
            write_all(descriptor, data)
            os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
