"""Files are marked and signed, tampering is told, and no user loses a render where signing fails."""

from __future__ import annotations

import datetime
import json
import shlex
import shutil
import socket
import stat
import sys
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import Image

from animcore.cli.main import main
from animcore.core.origin import COMPOSITE, MOST_SOURCES, Origin, Source, from_text
from animcore.errors import InputError
from animcore.provenance import embedding, imprint, keys, manifest, marks, verification

c2pa = pytest.importorskip("c2pa")
pytest.importorskip("cryptography")

FILM = Path(__file__).resolve().parents[1] / "golden" / "films" / "talking_head.mp4"
ORIGIN = Origin(
    COMPOSITE, "dubbed", (Source("audio", "line.wav", "ab" * 32),), (Source("model card", "a.md", "cd" * 32),),
    {"person": "Ä <b> & \"c\"", "until": "2099-01-01"},
)  # fmt: skip


@pytest.fixture(scope="session")
def plain_files(tmp_path_factory) -> Path:
    """A small file of each kind."""
    folder = tmp_path_factory.mktemp("plain")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8))
    for suffix in ("png", "jpg", "webp"):
        picture.save(folder / f"a.{suffix}")
    shutil.copy(FILM, folder / "a.mp4")
    with av.open(str(FILM)) as source, av.open(str(folder / "a.mov"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(folder / "a.wav"), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.arange(999, dtype=np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = 8000
        target.mux(stream.encode(frame))
    np.savez(folder / "a.npz", a=np.arange(3))
    shutil.copy(FILM.parents[3] / "assets" / "character" / "character.glb", folder / "a.glb")
    return folder


@pytest.fixture
def copied(plain_files, tmp_path):
    """Copy a file of a kind where a test may change it."""

    def copy(suffix: str, name: str = "a") -> Path:
        return Path(shutil.copy(plain_files / f"a{suffix}", tmp_path / f"{name}{suffix}"))

    return copy


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".png", ".jpg", ".webp", ".wav"])
def test_a_file_is_signed_and_holds(copied, suffix):
    path, before = copied(suffix), copied(suffix, "before")
    assert marks.mark(path, ORIGIN) == "signed"
    verdict = verification.verify(path)
    assert (verdict.state, verdict.is_good, verdict.origin) == ("trusted", True, ORIGIN)
    said = manifest.read(path)
    active = said["manifests"][said["active_manifest"]]
    actions = next(one for one in active["assertions"] if one["label"] == "c2pa.actions.v2")["data"]["actions"]
    assert [one["action"] for one in actions] == ["c2pa.created", "c2pa.dubbed"]
    assert actions[0]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert active["ingredients"][0]["instance_id"] == "sha256:" + "ab" * 32
    if suffix == ".wav":
        import soundfile

        assert soundfile.info(path).frames == soundfile.info(before).frames == 999
        assert (soundfile.read(path)[0] == soundfile.read(before)[0]).all()
    else:
        assert (decoded(path) == decoded(before)).all()
    assert not [left for left in path.parent.iterdir() if "signed" in left.name]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".png", ".jpg", ".wav", ".npz", ".glb"])
def test_the_plain_mark_needs_no_package(copied, suffix, monkeypatch, caplog):
    monkeypatch.setattr(manifest, "library", lambda: None)
    monkeypatch.setattr(marks, "_noted", set())
    path = copied(suffix)
    assert marks.mark(path, ORIGIN) == "plain"
    assert from_text(embedding.statement(path)) == ORIGIN
    assert ("not signed: pip install" in caplog.text) == (suffix in manifest.KINDS)
    if suffix not in (".npz", ".glb", ".wav"):
        assert len(decoded(path))
    assert verification.verify(path).state == "unsigned"


def test_platforms_find_the_iptc_source_type(copied):
    path = copied(".png")
    marks.mark(path, ORIGIN)
    xmp = Image.open(path).info["XML:com.adobe.xmp"]
    assert "digitalsourcetype/compositeWithTrainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>" in xmp
    path = copied(".jpg")
    marks.mark(path, ORIGIN)
    xmp = Image.open(path).info["xmp"].decode()
    assert ElementTree.fromstring(xmp).find(".//{*}DigitalSourceType").text.endswith("TrainedAlgorithmicMedia")


def test_a_glb_still_opens_and_an_npz_still_reads(copied):
    pygltflib = pytest.importorskip("pygltflib")
    path = copied(".glb")
    marks.mark(path, ORIGIN)
    assert pygltflib.GLTF2().load(str(path)).asset.extras["provenance"]["action"] == "c2pa.dubbed"
    path = copied(".npz")
    marks.mark(path, ORIGIN)
    with np.load(path, allow_pickle=False) as data:
        assert data["a"].tolist() == [0, 1, 2]
        assert from_text(str(data["provenance"])) == ORIGIN


def flipped(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[round(len(data) * at)] ^= 1
    path.write_bytes(data)


def other_sound(path: Path) -> None:
    """The same manifest over other samples."""
    data = bytearray(path.read_bytes())
    begin = data.index(b"data") + 8
    data[begin : begin + 500] = bytes(500)
    path.write_bytes(data)


def one_pixel(path: Path) -> None:
    """What an editor does that keeps the other chunks: the pixels are packed anew, all else stays."""
    data, picture = path.read_bytes(), Image.open(path).convert("RGB")
    picture.putpixel((3, 3), tuple(255 - value for value in picture.getpixel((3, 3))))
    picture.save(path.with_name("other.png"))
    other = path.with_name("other.png").read_bytes()
    pixels = other[other.index(b"IDAT") - 4 :]
    path.write_bytes(data[: data.index(b"IDAT") - 4] + pixels)


@pytest.mark.parametrize(
    ("suffix", "tamper"),
    [
        (".mp4", lambda path: flipped(path, 0.7)),
        (".png", one_pixel),
        (".jpg", lambda path: flipped(path, 0.95)),
        (".wav", other_sound),
        (".mp4", lambda path: path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])),
    ],
    ids=["one byte", "one pixel", "one byte of a JPEG", "swapped sound", "cut"],
)
def test_tampering_is_told(copied, suffix, tamper, capsys):
    path = copied(suffix)
    marks.mark(path, ORIGIN)
    tamper(path)
    assert verification.verify(path).state in ("changed", "broken")
    assert main(["provenance", "verify", str(path)]) == 1
    assert "CHANGED" in (said := capsys.readouterr().out) or "does not hold" in said


def test_a_manifest_of_another_file_is_told(copied, tmp_path):
    first, second = copied(".png"), tmp_path / "b.png"
    Image.new("RGB", (48, 64)).save(second)
    marks.mark(first, ORIGIN)
    data, other = first.read_bytes(), second.read_bytes()
    second.write_bytes(data[: data.index(b"IDAT") - 4] + other[other.index(b"IDAT") - 4 :])
    assert verification.verify(second).state == "changed"


def test_an_unknown_signer_is_told_from_ones_own(copied, tmp_path, monkeypatch):
    path = copied(".mp4")
    marks.mark(path, ORIGIN)
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "elsewhere"))
    verdict = verification.verify(path)
    assert (verdict.state, verdict.is_good) == ("intact", True)
    assert "the signer is not stated" in verdict.lines()[0]


def test_thousands_of_sources_are_listed_up_to_a_limit(copied):
    path = copied(".png")
    many = Origin(COMPOSITE, sources=tuple(Source("audio", f"{n}.wav", f"{n:064x}") for n in range(10_000)))
    size = path.stat().st_size
    assert marks.mark(path, many) == "signed"
    assert path.stat().st_size - size < 200_000
    assert len(verification.verify(path).origin.sources) == MOST_SOURCES
    assert json.loads(embedding.statement(path))["ingredientCount"] == 10_000


def test_nothing_phones_home(copied, monkeypatch):
    def refused(*_arguments, **_options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    path = copied(".png")
    assert marks.mark(path, ORIGIN) == "signed"
    assert verification.verify(path).is_good
    assert keys.identity().time_server == ""


def test_the_key_is_private_and_never_said(tmp_path, monkeypatch):
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    who = keys.identity()
    assert stat.S_IMODE((tmp_path / "keys" / "identity.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(who)
    assert b"PRIVATE KEY" in who.key
    assert b"PRIVATE" not in who.chain
    assert "PRIVATE" not in keys.anchors()
    assert keys.identity() == who


def pair(folder: Path, days: int = 30) -> tuple[Path, Path]:
    """A studio's certificate, which ends in so many days, and its key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_YEARS", days / 365)
        chain = [keys._certificate("s", own, root, is_root=False), keys._certificate("root", root, root, is_root=True)]
    pem = serialization.Encoding.PEM
    certificate, key = folder / "studio.pem", folder / "studio_key.pem"
    certificate.write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    key.write_bytes(own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    key.chmod(0o600)
    return certificate, key


def test_a_studios_own_key_and_a_command_sign(copied, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    certificate, key = pair(tmp_path)
    assert main(["provenance", "use", str(certificate), str(key)]) == 0
    path = copied(".png")
    assert marks.mark(path, ORIGIN) == "signed"
    assert verification.verify(path).state == "trusted"
    assert "PRIVATE" not in "".join(one.read_text() for one in (tmp_path / "keys").iterdir())

    script = tmp_path / "sign.py"
    script.write_text(
        "import sys\nfrom cryptography.hazmat.primitives import hashes, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import ec\n"
        f"key = serialization.load_pem_private_key(open({str(key)!r}, 'rb').read(), None)\n"
        "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))\n"
    )
    command = shlex.join([sys.executable, str(script)])
    assert main(["provenance", "use", str(certificate), "--command", command, "--algorithm", "es256"]) == 0
    path = copied(".mp4")
    assert marks.mark(path, ORIGIN) == "signed"
    assert verification.verify(path).state == "trusted"

    assert main(["provenance", "use", "--off"]) == 0
    path = copied(".jpg")
    assert marks.mark(path, ORIGIN) == "plain"
    assert main(["provenance", "use", "--own"]) == 0
    assert marks.mark(copied(".jpg"), ORIGIN) == "signed"


def test_what_cannot_sign_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    certificate, key = pair(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = pair(tmp_path / "other")
    (tmp_path / "old").mkdir()
    old, old_key = pair(tmp_path / "old", days=0)
    with pytest.raises(InputError, match="not the key of"):
        keys.use(certificate, other)
    with pytest.raises(InputError, match="no certificate in PEM"):
        keys.use(key, key)
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(keys.datetime, "datetime", type("Later", (), {"now": staticmethod(lambda _zone: late)}))
        with pytest.raises(InputError, match="ended on"):
            keys.use(old, old_key)
    key.chmod(0o644)
    with pytest.raises(InputError, match="Others on this computer may read"):
        keys.use(certificate, key)
    assert main(["provenance", "use"]) == 1
    assert "Give a certificate" in capsys.readouterr().err


def test_an_ended_certificate_costs_no_render(copied, tmp_path, monkeypatch, caplog):
    """It was good when it was chosen."""
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    monkeypatch.setattr(marks, "_noted", set())
    certificate, key = pair(tmp_path, days=-0.5)
    keys._write({"certificate": str(certificate), "key": str(key), "algorithm": "es256"})
    path = copied(".png")
    assert marks.mark(path, ORIGIN) == "plain"
    assert "check certificate, key and clock" in caplog.text
    assert verification.verify(path).state == "unsigned"


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ((), "trusted"),
        (("signingCredential.expired",), "expired"),
        (("claimSignature.outsideValidity",), "expired"),
        (("signingCredential.untrusted", "assertion.dataHash.mismatch"), "changed"),
        (("claimSignature.mismatch", "signingCredential.expired"), "changed"),
        (("assertion.missing",), "broken"),
    ],
)
def test_the_codes_of_c2pa_have_words(codes, state):
    assert verification._state(codes, "Trusted")[0] == state


@pytest.mark.parametrize(
    "command", ["no-such-program", f"{sys.executable} -c 'exit(3)'", f"{sys.executable} -c ''", "'"]
)
def test_a_signer_that_fails_costs_no_render(copied, tmp_path, monkeypatch, caplog, command):
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    monkeypatch.setattr(marks, "_noted", set())
    certificate, _ = pair(tmp_path)
    keys.use(certificate, None, command, "es256")
    path = copied(".png")
    assert marks.mark(path, ORIGIN) == "plain"
    assert "not signed" in caplog.text
    assert verification.verify(path).state == "unsigned"


def test_a_time_server_is_asked_only_where_it_is_named(copied, tmp_path, monkeypatch, caplog):
    """Nobody listens at this address: the file is marked all the same, and it is said."""
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "keys"))
    monkeypatch.setattr(marks, "_noted", set())
    certificate, key = pair(tmp_path)
    keys.use(certificate, key, time_server="http://127.0.0.1:9/")
    assert marks.mark(copied(".png"), ORIGIN) == "plain"
    assert "not signed" in caplog.text


def test_files_of_other_tools_are_read(copied, tmp_path, monkeypatch):
    """A manifest that knows nothing of ours, by a certificate that is not ours."""
    certificate, key = pair(tmp_path)
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", certificate.read_bytes(), key.read_bytes(), None))
    kind = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    agent = {"name": "Other Camera"}
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": kind, "softwareAgent": agent}]}
    about = {
        "claim_generator_info": [{"name": "Other Tool", "version": "7"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": actions}],
        "ingredients": [{"title": "a.png", "format": "image/png", "relationship": "inputTo"}],
    }
    path, made = copied(".jpg"), tmp_path / "other.jpg"
    with path.open("rb") as source, made.open("w+b") as target:
        c2pa.Builder(json.dumps(about)).sign(signer, "image/jpeg", source, target)
    verdict = verification.verify(made)
    assert (verdict.state, verdict.tool, verdict.origin.source_type) == (
        "intact", "Other Tool 7", "trainedAlgorithmicMedia",
    )  # fmt: skip
    assert "  action: c2pa.created by Other Camera" in verdict.lines()
    assert "  inputTo: a.png" in verdict.lines()


def test_a_home_that_cannot_be_written_costs_no_render(copied, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv(keys.FOLDER, str(tmp_path / "file" / "keys"))
    monkeypatch.setattr(marks, "_noted", set())
    assert marks.mark(copied(".png"), ORIGIN) == "plain"
    assert "cannot be made" in caplog.text


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".mp4", ".wav", ".npz", ".glb"])
@pytest.mark.parametrize("data", [b"", b"nothing of the kind", b"RIFF", b"\xff\xd8\xff\xe0"])
def test_broken_files_are_no_reason_to_fail(tmp_path, suffix, data):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    assert verification.verify(path).state in ("none", "broken")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"sha256": 3}', '{"consent": {"until": 7}}', "[" * 100_000])
def test_a_hostile_statement_is_no_reason_to_fail(tmp_path, text):
    np.savez(tmp_path / "a.npz", provenance=np.array(text))
    (tmp_path / "a.csv").touch()
    (tmp_path / "a.csv.provenance").write_text(text)
    for name in ("a.npz", "a.csv"):
        assert verification.verify(tmp_path / name).state in ("none", "unsigned", "changed")


def test_show_and_json(copied, capsys):
    path, bare = copied(".mp4"), copied(".png")
    marks.mark(path, ORIGIN)
    assert main(["provenance", "show", str(path), str(bare)]) == 0
    said = capsys.readouterr().out
    assert "signed with this computer's own key" in said
    assert "carries no mark" in said
    assert main(["provenance", "verify", "--json", str(path), str(bare), "gone.png"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in found] == ["trusted", "none", "unread"]
    assert found[0]["consent"] == dict(ORIGIN.consent)


@pytest.mark.parametrize("suffix", [".glb", ".npz"])
def test_a_file_without_a_place_is_signed_beside_it(copied, suffix, capsys):
    path = copied(suffix)
    assert main(["provenance", "sign", str(path)]) == 1
    assert "does not state how it was made" in capsys.readouterr().err
    marks.mark(path, ORIGIN)
    assert verification.verify(path).state == "unsigned"
    assert main(["provenance", "sign", str(path)]) == 0
    assert f"signed in a{suffix}.c2pa" in capsys.readouterr().out
    verdict = verification.verify(path)
    assert (verdict.state, verdict.origin) == ("trusted", ORIGIN)
    flipped(path, 0.5)
    assert verification.verify(path).state == "changed"


def test_what_holds_its_own_signature_is_not_signed_beside_it(copied):
    path = copied(".png")
    marks.mark(path, ORIGIN)
    with pytest.raises(InputError, match="holds its own signature"):
        marks.sign(path)


def test_a_manifest_states_the_watermark(copied):
    path = copied(".mp4")
    numbered = imprint.numbered(ORIGIN)
    assert marks.mark(path, numbered) == "signed"
    said = manifest.read(path)
    active = said["manifests"][said["active_manifest"]]
    found = {one["label"]: one["data"] for one in active["assertions"]}
    assert found["c2pa.soft-binding"]["blocks"][0]["value"] == numbered.watermark
    assert found["c2pa.actions.v2"]["actions"][-1]["action"] == "c2pa.watermarked"
    verdict = verification.verify(path)
    assert (verdict.state, verdict.origin.watermark) == ("trusted", numbered.watermark)
    assert f"{numbered.watermark} is stated, and not found" in "\n".join(verification.examine(path).lines())
