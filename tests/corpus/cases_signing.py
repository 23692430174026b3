"""Keys that are something else, and signatures that are missing, of somebody else, or edited."""

from __future__ import annotations

import base64
from pathlib import Path

from corpus_case import Cases, Prepare
from corpus_place import Place

CASES = case = Cases()
SIGN = "sign {bundle} --key {root}/key"
VERIFY = "verify {bundle} --key {root}/key.pub"
ENVIRONMENT = ("EDGEBUILD_SIGNING_KEY", "EDGEBUILD_SIGNING_PASSPHRASE", "EDGEBUILD_TRUSTED_KEYS")


def plain(place: Place) -> Path:
    """A bundle, no key in the environment, and where a key goes."""
    assert place.bundle.is_dir()
    for name in ENVIRONMENT:
        place.patch.delenv(name, raising=False)
    return place.root / "key"


def signed(place: Place) -> Path:
    """A bundle that is signed, with the keys beside it; gives its evidence."""
    from edgebuild.signing import sign
    from edgebuild.store.bundle import open_bundle
    from edgebuild.store.evidence import evidence_path
    from edgebuild.store.keys import new_signing_key

    opened = open_bundle(place.bundle)
    sign([opened], new_signing_key(plain(place))[0])
    return evidence_path(opened)


def key_of(name: str, text: str) -> Prepare:
    """A case whose key file holds some text."""

    def prepare(place: Place) -> None:
        plain(place).write_text(text, encoding="utf-8")

    prepare.__name__ = name
    return prepare


def armoured(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(data).decode()}\n-----END {label}-----\n"


def elliptic() -> str:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    key = generate_private_key(SECP256R1())
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


case(2, "holds no private key", "edgebuild sign --new-key", line=SIGN)(key_of("key_that_is_text", "hello"))
case(2, "holds no private key", line=SIGN)(key_of("key_empty", ""))
case(2, "holds a public key", "private key in PEM", line=SIGN)(
    key_of("key_that_is_the_public_one", armoured("PUBLIC KEY", b"\x30"))
)
case(2, "the key is damaged", line=SIGN)(key_of("key_damaged", armoured("PRIVATE KEY", b"\x30\x2e\x02")))
case(2, "form of OpenSSH", "PKCS #8", line=SIGN)(
    key_of("key_of_ssh", armoured("OPENSSH PRIVATE KEY", b"openssh-key-v1"))
)
case(2, "needs a passphrase", "EDGEBUILD_SIGNING_PASSPHRASE", line=SIGN)(
    key_of("key_locked", armoured("ENCRYPTED PRIVATE KEY", b"\x30"))
)
case(2, "another type (EC)", "an Ed25519 key", line=SIGN)(key_of("key_of_another_type", elliptic()))
case(2, "holds a private key, which is not to be given away", line="verify {bundle} --key {root}/key")(
    key_of("verify_by_the_private_key", armoured("PRIVATE KEY", b"\x30"))
)
case(2, "holds a certificate", "Ed25519 public keys", line="verify {bundle} --key {root}/key")(
    key_of("verify_by_a_certificate", armoured("CERTIFICATE", b"\x30"))
)
case(2, "holds no public key", "ends in .pub", line="verify {bundle} --key {root}/key")(
    key_of("verify_by_text", "hello")
)
case(2, "the key is damaged", line="verify {bundle} --key {root}/key")(
    key_of("verify_by_a_damaged_key", armoured("PUBLIC KEY", b"\x30\x2a\x30"))
)


@case(2, "key", "no such file", line=SIGN)
def key_missing(place: Place) -> None:
    plain(place)


@case(2, "neither --key nor EDGEBUILD_SIGNING_KEY", line="sign {bundle}")
def sign_without_a_key(place: Place) -> None:
    plain(place)


@case(2, "EDGEBUILD_SIGNING_KEY", "with its line breaks", line="sign {bundle}")
def key_of_the_environment_without_line_breaks(place: Place) -> None:
    plain(place)
    place.patch.setenv("EDGEBUILD_SIGNING_KEY", "-----BEGIN PRIVATE KEY----- MC4CAQAwBQYDK2VwBCIEIA==")


@case(2, "the passphrase is wrong", line=SIGN)
def passphrase_wrong(place: Place) -> None:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    locked = pem.BestAvailableEncryption(b"right")
    key = Ed25519PrivateKey.generate().private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked)
    plain(place).write_bytes(key)
    place.patch.setenv("EDGEBUILD_SIGNING_PASSPHRASE", "wrong")


@case(2, "no bundle is named", line="sign")
def sign_nothing(place: Place) -> None:
    plain(place)


@case(2, "is there already", "never overwritten", line="sign --new-key {root}/key")
def new_key_over_another(place: Place) -> None:
    plain(place).write_text("precious", encoding="utf-8")


@case(2, "no such folder", line="sign --new-key {root}/nowhere/key")
def new_key_nowhere(place: Place) -> None:
    plain(place)


@case(2, "make the key first", line="sign {bundle} --new-key {root}/key")
def new_key_and_a_bundle(place: Place) -> None:
    plain(place)


@case(2, "golden.npz", "nothing was signed", line=SIGN)
def sign_an_edited_bundle(place: Place) -> None:
    from edgebuild.store.keys import new_signing_key

    new_signing_key(plain(place))
    (place.bundle / "golden.npz").write_bytes(b"edited")


@case(4, "it is not signed", line=VERIFY)
def verify_what_is_not_signed(place: Place) -> None:
    evidence = signed(place)
    evidence.unlink()


@case(1, "not among those given", line=VERIFY)
def verify_by_a_strangers_key(place: Place) -> None:
    from edgebuild.store.keys import new_signing_key

    signed(place)
    for name in ("key", "key.pub"):
        (place.root / name).unlink()
    new_signing_key(place.root / "key")


@case(1, "its own bytes were changed", line=VERIFY)
def signature_edited(place: Place) -> None:
    evidence = signed(place)
    evidence.write_bytes(evidence.read_bytes().replace(b'"edgebuild":"', b'"edgebuild":"1'))


@case(1, "its own bytes were changed", line=VERIFY)
def signature_with_a_space(place: Place) -> None:
    evidence = signed(place)
    evidence.write_bytes(evidence.read_bytes().replace(b"{", b"{ ", 1))


@case(1, "the end of its line is missing", line=VERIFY)
def signature_torn(place: Place) -> None:
    evidence = signed(place)
    evidence.write_bytes(evidence.read_bytes()[:-5])


@case(1, "line 1 is no evidence", line=VERIFY)
def signature_that_is_no_envelope(place: Place) -> None:
    evidence = signed(place)
    evidence.write_bytes(evidence.read_bytes().replace(b'"payloadType"', b'"payloadtype"'))


@case(4, "no key is given to hold it against", line="verify {bundle} --require signature")
def signature_required_and_no_key_given(place: Place) -> None:
    signed(place)
