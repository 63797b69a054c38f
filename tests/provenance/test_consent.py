"""Consent is asked once, lies in what is made, and ends with its date."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from animcore.cli import arguments
from animcore.cli.main import main
from animcore.core.origin import TRAINED, Origin
from animcore.errors import InputError
from animcore.files.avatars import avatar_folder, open_any_splats
from animcore.provenance import consent, verification
from tests.support import splat_clouds

DAY = datetime.date(2026, 6, 1)


def written(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_a_receipt(tmp_path, capsys):
    path = tmp_path / "anna.toml"
    assert main(["provenance", "template", str(path)]) == 0
    receipt = consent.read(path, DAY)
    assert receipt.facts["person"] == "Anna Berg"
    assert receipt.facts["until"] == "2027-12-31"
    receipt.save(tmp_path)
    again = consent.read(tmp_path / consent.RECEIPT, DAY)
    assert again == receipt
    assert again.reference()["receipt_sha256"] == hashlib.sha256((tmp_path / consent.RECEIPT).read_bytes()).hexdigest()


def test_a_recorded_statement_goes_on_as_its_hash(tmp_path):
    (tmp_path / "agrees.wav").write_bytes(b"I agree")
    path = written(tmp_path / "a.toml", 'person = "A"\nagreed_by = "A"\nuses = "u"\nstatement = "agrees.wav"\n')
    facts = consent.read(path).facts
    assert facts["statement_sha256"] == hashlib.sha256(b"I agree").hexdigest()
    assert "until" not in facts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("person = ", "no receipt of consent"),
        ('person = "A"\nagreed_by = "A"\n', "uses is missing"),
        ('person = "A"\nagreed_by = "A"\nuses = "u"\nuntil = "soon"\n', "write a date as"),
        ('person = "A"\nagreed_by = "A"\nuses = "u"\nuntil = "2026-05-31"\n', "ended on 2026-05-31; ask A again"),
        ('person = "A"\nagreed_by = "A"\nuses = "u"\nstatement = "gone.wav"\n', "There is no file"),
    ],
)
def test_what_is_no_receipt_is_told(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        consent.read(written(tmp_path / "a.toml", text), DAY)


def test_a_receipt_holds_on_its_last_day(tmp_path):
    path = written(tmp_path / "a.toml", 'person = "A"\nagreed_by = "A"\nuses = "u"\nuntil = "2026-06-01"\n')
    assert consent.read(path, DAY).facts["until"] == "2026-06-01"


def test_the_terminal_is_asked_once(tmp_path, monkeypatch):
    answers = iter(["Anna", "Anna", 'a "quoted" use', "2099-01-01"])
    receipt = consent.asked(lambda _question: next(answers), lambda _sentence: None)
    assert receipt.facts == {"person": "Anna", "agreed_by": "Anna", "uses": 'a "quoted" use', "until": "2099-01-01"}
    receipt.save(tmp_path)
    options = type("Options", (), {"consent": None, "out": tmp_path, "film": tmp_path / "clip.mp4"})
    assert arguments.receipt_of(options, options.out) == receipt  # the next run finds it
    assert consent.asked(lambda _question: "own", lambda _sentence: None).facts == {"status": "one's own face"}
    assert consent.asked(lambda _question: "", lambda _sentence: None).facts == {"status": "not stated"}


def test_without_terminal_and_option_nothing_is_made(tmp_path, monkeypatch, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"x")
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    assert main(["avatar", "from-video", str(tmp_path / "clip.mp4"), str(tmp_path / "me"), "--track-only"]) == 1
    said = capsys.readouterr().err
    assert "--consent FILE" in said
    assert "--consent own" in said
    assert "--consent none" in said
    assert not (tmp_path / "me" / "performance.npz").exists()


def avatar(tmp_path, facts: dict[str, str]):
    made = avatar_folder.Avatar({}).with_splats("splats", splat_clouds.cloud(5))
    avatar_folder.save(made, tmp_path / "head")
    path = tmp_path / "head" / avatar_folder.FACTS
    told = json.loads(path.read_text())
    told[avatar_folder.ORIGIN] = Origin(TRAINED, consent=facts).facts()
    path.write_text(json.dumps(told))
    return tmp_path / "head"


def test_nothing_more_is_made_of_a_consent_that_ended(tmp_path, capsys):
    head = avatar(tmp_path, {"person": "Anna", "until": "2020-01-01"})
    verdict = verification.verify(head)
    assert (verdict.ended, verdict.is_good) == ("2020-01-01", False)
    assert "do not use it any more" in verdict.lines()[-1]
    assert main(["avatar", "convert", str(head), str(tmp_path / "a.ply")]) == 1
    assert "consent of Anna ended on 2020-01-01" in capsys.readouterr().err
    assert not (tmp_path / "a.ply").exists()
    assert main(["avatar", "edit", "recolour", str(head), str(tmp_path / "red"), "--hue", "20"]) == 1

    receipt = written(tmp_path / "new.toml", 'person = "Anna"\nagreed_by = "Anna"\nuses = "u"\nuntil = "2099-01-01"\n')
    assert main(["provenance", "consent", str(head), str(receipt)]) == 0
    assert main(["avatar", "convert", str(head), str(tmp_path / "a.ply")]) == 0
    assert verification.verify(tmp_path / "a.ply").origin.consent["until"] == "2099-01-01"


def test_a_fitted_head_holds_the_receipt_of_its_capture(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from animcore.files.avatars import capture_dataset, hybrid_head
    from animcore.hybrid_head.fitting import trainer
    from animcore.pipelines import fit_avatar

    head = hybrid_head.load(hybrid_head.SHIPPED)
    for name, answer in {"read": ([], []), "person": head, "start": None, "check": None}.items():
        monkeypatch.setattr(capture_dataset, name, lambda *_arguments, answer=answer: answer)
    monkeypatch.setattr(trainer, "HeadFitter", lambda *_arguments: SimpleNamespace(run=lambda: head))
    receipt = consent.Receipt({"person": "Anna", "agreed_by": "Anna", "uses": "u", "until": "2099-01-01"})
    (tmp_path / "capture").mkdir()
    receipt.save(tmp_path / "capture")
    fit_avatar.fit(tmp_path / "capture", tmp_path / "fit", lambda *_: None, device="cpu")
    made = tmp_path / "fit" / fit_avatar.HEAD
    assert consent.of_folder(made) == receipt
    assert verification.verify(made).origin.consent == receipt.reference()

    receipt = consent.Receipt({**receipt.facts, "until": "2020-01-01"})
    receipt.save(tmp_path / "capture")
    with pytest.raises(InputError, match="ended on 2020-01-01"):
        fit_avatar.fit(tmp_path / "capture", tmp_path / "fit", lambda *_: None, device="cpu")


def test_the_consent_goes_on_with_a_changed_head(tmp_path):
    head = avatar(tmp_path, {"status": "one's own face"})
    assert main(["avatar", "edit", "recolour", str(head), str(tmp_path / "red"), "--hue", "20"]) == 0
    changed = avatar_folder.load(tmp_path / "red")
    assert avatar_folder.origin_of(changed).consent == {"status": "one's own face"}
    splats = changed.splats("splats")
    ended = replace(avatar_folder.origin_of(changed), consent={"until": "2020-01-01"})
    with pytest.raises(InputError, match="the person ended on 2020-01-01"):
        open_any_splats.save(splats, tmp_path / "b.spz", origin=ended)


def signed(path):
    """What `openssl dgst -sha256 -sign` writes, and the signer's certificate."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Anna Berg")])
    begin = datetime.datetime(2026, 1, 1)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(999))
    path.with_name(path.name + ".sig").write_bytes(key.sign(path.read_bytes(), ec.ECDSA(hashes.SHA256())))
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.with_name(path.name + ".pem").write_bytes(pem)


def test_a_signed_receipt_names_its_signer_and_a_changed_one_is_refused(tmp_path):
    path = written(tmp_path / "a.toml", 'person = "A"\nagreed_by = "A"\nuses = "u"\n')
    signed(path)
    receipt = consent.read(path, DAY)
    assert receipt.facts["signed_by"] == "Anna Berg"
    receipt.save(tmp_path)
    assert consent.of_folder(tmp_path) == receipt
    written(path, path.read_text().replace('"u"', '"all"'))
    with pytest.raises(InputError, match="was changed after it was signed"):
        consent.read(path, DAY)
    (tmp_path / "a.toml.pem").unlink()
    with pytest.raises(InputError, match=r"certificate beside it as a.toml.pem"):
        consent.read(path, DAY)
