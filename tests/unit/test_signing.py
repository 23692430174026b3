"""Signatures: made over a bundle and its evidence, and broken by any byte that is edited afterwards."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import FILES, manifest_for

from edgebuild.checks import Check
from edgebuild.core.envelope import Envelope, EnvelopeSignature, as_base64, as_json, from_base64, signed_bytes
from edgebuild.core.errors import BundleError, ConfigError, EdgebuildError
from edgebuild.core.evidence import record_of
from edgebuild.core.target import Target
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.pipeline.project import Built
from edgebuild.release import Released, _signed
from edgebuild.signatures import signature_check
from edgebuild.signing import sign
from edgebuild.store.bundle import Bundle, open_bundle, write_bundle
from edgebuild.store.evidence import append, evidence_path, open_evidence, read_evidence
from edgebuild.store.keys import PublicKey, SigningKey, find_signing_key, find_trusted_keys, new_signing_key
from edgebuild.verification import exit_code, verify
from tests.unit.test_evidence import AT, OTHER, measurement, quality


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return new_signing_key(tmp_path / "release.key")[0]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return with_evidence(write_bundle(tmp_path / "b", FILES, manifest_for(FILES)))


def with_evidence(bundle: Bundle) -> Bundle:
    append(bundle, record_of(bundle.digest, measurement(bundle.digest), AT))
    append(bundle, record_of(bundle.digest, quality(), AT))
    return bundle


def checked(bundle: Bundle, *keys: PublicKey) -> Check:
    return signature_check(bundle, open_evidence(bundle), keys)


def edit_evidence(bundle: Bundle, change: Callable[[bytes], bytes]) -> None:
    path = evidence_path(bundle)
    path.write_bytes(change(path.read_bytes()))


def test_a_signature_is_ok_only_by_a_key_that_is_trusted(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    assert checked(bundle, key.public).why == "it is not signed"
    (made,) = sign([bundle], key)
    assert (made.records, made.already, made.key) == (2, False, key.public)
    check = checked(bundle, key.public)
    assert (check.state, check.signed) == ("ok", 2)
    assert key.public.id[:16] in check.why
    assert (checked(bundle).state, "no key is given" in checked(bundle).why) == ("not checked", True)
    other = new_signing_key(tmp_path / "other.key")[0].public
    assert (checked(bundle, other).state, "not among those given" in checked(bundle, other).why) == ("broken", True)
    assert checked(bundle, other, key.public).state == "ok"


def test_what_comes_later_is_said_not_to_be_signed(bundle: Bundle, key: SigningKey) -> None:
    sign([bundle], key)
    append(bundle, record_of(bundle.digest, quality(5), AT))
    check = checked(bundle, key.public)
    assert (check.state, check.signed, "1 later not signed by it" in check.why) == ("ok", 2, True)
    (again,) = sign([bundle], key)
    assert (again.already, checked(bundle, key.public).signed) == (False, 4)
    before = evidence_path(bundle).read_bytes()
    assert sign([bundle], key)[0].already
    assert evidence_path(bundle).read_bytes() == before


def test_two_may_sign_one_after_the_other(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    second = new_signing_key(tmp_path / "second.key")[0]
    sign([bundle], key)
    sign([bundle], second)
    assert (checked(bundle, key.public).signed, checked(bundle, second.public).signed) == (2, 3)
    edit_evidence(bundle, lambda data: data.replace(b'"samples":1', b'"samples":2'))
    assert checked(bundle, second.public).state == "broken"


def test_openssl_says_the_same(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    sign([bundle], key)
    envelope = read_evidence(bundle)[-1].payload
    assert isinstance(envelope, Envelope)
    payload = from_base64(envelope.payload)
    assert payload is not None
    (tmp_path / "message").write_bytes(signed_bytes(envelope.payload_type, payload))
    (tmp_path / "sig").write_bytes(from_base64(envelope.signatures[0].sig) or b"")
    words = "openssl pkeyutl -verify -pubin -inkey release.key.pub -rawin -in message -sigfile sig"
    done = subprocess.run(words.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr
    named = json.loads(payload)["subject"]
    assert named[0] == {"name": "manifest.json", "digest": {"sha256": bundle.digest}}


def test_edited_bytes_of_signed_evidence_are_found(bundle: Bundle, key: SigningKey) -> None:
    sign([bundle], key)
    good, path, rng = evidence_path(bundle).read_bytes(), evidence_path(bundle), random.Random(0)
    line = good.rindex(b"\n", 0, -1)  # the signature's own line has parts that nobody signed
    for place in (*rng.sample(range(line), 150), *rng.sample(range(line, len(good)), 450), len(good) - 1):
        edited = bytearray(good)
        edited[place] ^= rng.choice((1, 2, 4, 8, 32, 128, rng.randrange(1, 256)))
        path.write_bytes(edited)
        try:
            state = checked(bundle, key.public).state
        except BundleError:
            state = "broken"
        assert state == "broken", f"byte {place}: {good[place]:#x} became {edited[place]:#x}"


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "archive"])
def test_edited_bytes_of_a_bundle_are_found(tmp_path: Path, key: SigningKey, archive: bool) -> None:
    bundle = with_evidence(write_bundle(tmp_path / "b.edgebundle", FILES, manifest_for(FILES), archive=archive))
    sign([bundle], key)
    rng = random.Random(1)
    for path in sorted(path for path in [bundle.path, *bundle.path.rglob("*")] if path.is_file()):
        good = path.read_bytes()
        for place in rng.sample(range(len(good)), min(len(good), 400)):
            path.write_bytes(bytes([*good[:place], good[place] ^ rng.randrange(1, 256), *good[place + 1 :]]))
            assert fails(bundle, key.public), f"byte {place} of {path.name}"
        path.write_bytes(good)
    assert not fails(bundle, key.public)


def fails(bundle: Bundle, *keys: PublicKey) -> bool:
    """Whether `verify --key` would say anything but 0."""
    try:
        checks = verify(open_bundle(bundle.path), None, keys=keys)
    except EdgebuildError as error:
        return error.exit_code != 0
    return exit_code(checks, ["signature"]) != 0


@pytest.mark.parametrize(
    "what", ["added", "removed", "swapped", "truncated", "line removed", "lines swapped", "all gone"]
)
def test_other_edits_are_found(bundle: Bundle, key: SigningKey, what: str) -> None:
    sign([bundle], key)
    place = bundle.path
    if what == "added":
        (place / "more.txt").write_text("!")
    elif what == "removed":
        (place / "golden.npz").unlink()
    elif what == "swapped":
        one, other = (place / "model.onnx").read_bytes(), (place / "int8" / "model.onnx").read_bytes()
        (place / "model.onnx").write_bytes(other)
        (place / "int8" / "model.onnx").write_bytes(one)
    elif what == "truncated":
        os.truncate(place / "model.onnx", 100)
    elif what == "line removed":
        edit_evidence(bundle, lambda data: data.partition(b"\n")[2])
    elif what == "lines swapped":
        edit_evidence(
            bundle, lambda data: b"".join([(lines := data.splitlines(keepends=True))[1], lines[0], *lines[2:]])
        )
    else:
        evidence_path(bundle).unlink()
    assert fails(bundle, key.public)


def test_evidence_moves_with_its_bundle_and_speaks_of_no_other(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    sign([bundle], key)
    (tmp_path / "far").mkdir()
    archive = write_bundle(tmp_path / "far" / "c.edgebundle", FILES, manifest_for(FILES), archive=True)
    shutil.copy(evidence_path(bundle), evidence_path(archive))
    assert checked(archive, key.public).state == "ok"
    other = write_bundle(tmp_path / "far" / "d", FILES, manifest_for(FILES, name="other"))
    shutil.copy(evidence_path(bundle), evidence_path(other))
    assert checked(other, key.public).why == "it is not signed"
    (last,) = (r for r in read_evidence(bundle) if r.kind == "signature")
    append(other, last.model_copy(update={"bundle": other.digest}))
    assert checked(other, key.public).state == "broken"


def test_what_is_broken_is_not_signed(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    second = with_evidence(write_bundle(tmp_path / "second", FILES, manifest_for(FILES, name="second")))
    (second.path / "golden.npz").write_bytes(b"edited")
    with pytest.raises(BundleError, match=r"second: golden.npz: .*\n  to fix: .*nothing was signed"):
        sign([bundle, second], key)
    assert checked(bundle, key.public).why == "it is not signed"
    sign([bundle], key)
    edit_evidence(bundle, lambda data: data.replace(b'"samples":1', b'"samples":2'))
    with pytest.raises(BundleError, match="will not be signed: signature: evidence before it was changed"):
        sign([bundle], key)


def test_a_signature_that_was_cut_off_is_told_and_made_anew(bundle: Bundle, key: SigningKey) -> None:
    sign([bundle], key)
    edit_evidence(bundle, lambda data: data[:-30])
    assert checked(bundle, key.public).why == "the end of its line is missing: sign it again"
    sign([bundle], key)
    assert checked(bundle, key.public).state == "ok"


def hostile(key: SigningKey, payload: bytes, kind: str = "application/vnd.in-toto+json") -> Envelope:
    """An envelope that a key really signed around anything."""
    signature = EnvelopeSignature(keyid=key.public.id, sig=as_base64(key.sign(signed_bytes(kind, payload))))
    return Envelope(payload=as_base64(payload), payload_type=kind, signatures=(signature,))


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"7", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"_type":"https://in-toto.io/Statement/v1"}', b"null"],
)
def test_signatures_around_nonsense_are_not_ok(bundle: Bundle, key: SigningKey, payload: bytes) -> None:
    append(bundle, record_of(bundle.digest, hostile(key, payload), AT))
    check = checked(bundle, key.public)
    assert check.state in ("broken", "not checked")
    assert "\n" not in check.why
    assert exit_code([check], ["signature"]) in (1, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "%%%"},
        {"payload": "ÄÖÜ"},
        {"payload": "QR=="},
        {"signatures": ()},
        {"signatures": (EnvelopeSignature(keyid="", sig=""),)},
        {"signatures": (EnvelopeSignature(keyid="", sig="AA=="),) * 2},
        {"payload_type": "text/plain"},
    ],
)
def test_envelopes_that_nobody_signed_are_broken(bundle: Bundle, key: SigningKey, change: dict[str, object]) -> None:
    sign([bundle], key)
    lines = evidence_path(bundle).read_bytes().splitlines(keepends=True)
    envelope = read_evidence(bundle)[-1].payload
    assert isinstance(envelope, Envelope)
    evidence_path(bundle).write_bytes(b"".join(lines[:-1]))
    append(bundle, record_of(bundle.digest, envelope.model_copy(update=change), AT))
    assert checked(bundle, key.public).state == "broken"


def test_a_signature_of_a_later_version_is_not_checked_and_says_so(
    bundle: Bundle, key: SigningKey, tmp_path: Path
) -> None:
    later = as_json({"_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:edgebuild:signed-bundle:2"})
    append(bundle, record_of(bundle.digest, hostile(key, later), AT))
    assert (checked(bundle, key.public).state, checked(bundle).state) == ("not checked", "not checked")
    assert "update edgebuild" in checked(bundle, key.public).why
    other = new_signing_key(tmp_path / "other.key")[0]
    assert checked(bundle, other.public).state == "broken"
    assert not sign([bundle], other)[0].already


def test_evidence_that_changes_while_it_is_signed_is_not_signed(
    bundle: Bundle, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SigningKey.sign

    def slow(self: SigningKey, message: bytes) -> bytes:
        append(bundle, record_of(bundle.digest, quality(9), AT))
        return real(self, message)

    monkeypatch.setattr(SigningKey, "sign", slow)
    with pytest.raises(ConfigError, match="evidence was added meanwhile"):
        sign([bundle], key)
    assert [record.kind for record in read_evidence(bundle)] == ["measurement", "quality", "quality"]


def test_without_the_library_nothing_reads_as_ok(
    bundle: Bundle, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign([bundle], key)

    def missing(self: PublicKey, signature: bytes, message: bytes) -> bool:
        raise ModuleNotFoundError("No module named 'cryptography'", name="cryptography")

    monkeypatch.setattr(PublicKey, "accepts", missing)
    check = checked(bundle)
    assert (check.state, 'pip install "edgebuild[sign]"' in check.why) == ("not checked", True)


def test_new_keys_are_private_and_overwrite_nothing(tmp_path: Path) -> None:
    path = tmp_path / "k"
    made, public = new_signing_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_trusted_keys([public]) == [PublicKey(made.public.raw, str(public))]
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        new_signing_key(path)
    public.unlink()
    with pytest.raises(ConfigError, match="never overwritten"):
        new_signing_key(path)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["k"], "no public key of a key that is not there"


def test_keys_come_from_the_environment_as_text_or_as_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (new_signing_key(tmp_path / name)[0].public for name in ("one", "two"))
    for given in (str(tmp_path / "one"), (tmp_path / "one").read_text()):
        monkeypatch.setenv("EDGEBUILD_SIGNING_KEY", given)
        assert find_signing_key(None).public.raw == one.raw
        assert find_signing_key(tmp_path / "two").public.raw == two.raw
    text = "".join((tmp_path / name).read_text() for name in ("one.pub", "two.pub"))
    for given in (f"{tmp_path}/one.pub:{tmp_path}/two.pub", text):
        monkeypatch.setenv("EDGEBUILD_TRUSTED_KEYS", given)
        assert [key.raw for key in find_trusted_keys([])] == [one.raw, two.raw]
    assert [key.raw for key in find_trusted_keys([tmp_path / "two.pub"])] == [two.raw]


def test_a_passphrase_is_asked_for_taken_from_the_environment_or_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    locked = pem.BestAvailableEncryption(b"open sesame")
    path = tmp_path / "locked"
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked))
    asked: list[str] = []

    def answer(source: str) -> str:
        asked.append(source)
        return "open sesame"

    assert find_signing_key(path, answer).public
    assert asked == [str(path)]
    with pytest.raises(ConfigError, match="needs a passphrase, and there is nobody to ask"):
        find_signing_key(path)
    monkeypatch.setenv("EDGEBUILD_SIGNING_PASSPHRASE", "open sesame")
    assert find_signing_key(path).public
    monkeypatch.setenv("EDGEBUILD_SIGNING_PASSPHRASE", "wrong")
    with pytest.raises(ConfigError, match="the passphrase is wrong"):
        find_signing_key(path, answer)


def test_a_record_of_a_signature_must_be_one(bundle: Bundle) -> None:
    assert bundle.digest != OTHER
    edit_evidence(bundle, lambda data: data + data.splitlines(keepends=True)[1].replace(b'"quality",', b'"signature",'))
    with pytest.raises(BundleError, match="line 3 is no evidence"):
        read_evidence(bundle)
    checks = {check.name: check for check in verify(bundle, None)}
    assert checks["signature"].state == checks["verdict"].state == "broken"
    assert "line 3 is no evidence" in checks["verdict"].why


def released(bundle: Bundle, outcome: Outcome) -> Released:
    """How a target went whose verdict is given."""
    target = Target(schema=1, name="host", title="here", family="host", runtime="onnxruntime", transport="local")
    made = Built(target, bundle)
    verdict = Verdict(outcome=outcome, lines=(), bundle=bundle.digest, rule=3)
    checks = (Check("digests", "ok"), Check("golden", "ok"))
    return Released(made, checks, verdict)


@pytest.mark.parametrize(("outcome", "signed"), [(o, o is Outcome.PASS) for o in Outcome])
def test_a_release_signs_what_passed_and_nothing_else(
    bundle: Bundle, key: SigningKey, outcome: Outcome, signed: bool
) -> None:
    found = _signed(released(bundle, outcome), key)
    assert found.signed == (key.public.id if signed else "")
    assert checked(bundle, key.public).state == ("ok" if signed else "not checked")
    assert _signed(released(bundle, outcome), None).signed == ""


def test_a_release_that_can_not_be_signed_is_no_release(bundle: Bundle, key: SigningKey) -> None:
    (bundle.path / "golden.npz").write_bytes(b"edited meanwhile")
    found = _signed(released(bundle, Outcome.PASS), key)
    assert (found.exit_code, found.signed) == (2, "")
    assert "nothing was signed" in found.error.message if found.error else False
