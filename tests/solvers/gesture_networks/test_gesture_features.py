"""Bodies as numbers: the layout of EMAGE, there and back, and how sound is heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.solvers.gesture_networks import audio_features
from animcore.solvers.gesture_networks import motion_features as features

FACE = [SMPLX_JOINTS.index(name) for name in ("jaw", "left_eye_smplhf", "right_eye_smplhf")]


def body(seed: int, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    pose = random.normal(size=(count, 55, 3)) * 0.6
    return pose, random.normal(size=(count, 3)) * 0.1


def test_the_parts_are_those_of_emage():
    assert {part: len(columns) for part, columns in features.COLUMNS.items()} == {
        "upper": 78,
        "hands": 180,
        "lower": 61,
    }
    assert [SMPLX_JOINTS[i] for i in features.PARTS["lower"]] == [
        *("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
        *("left_foot", "right_foot"),
    ]
    assert len(features.PARTS["upper"]) == 13
    together = np.concatenate(list(features.COLUMNS.values()))
    face = [6 * joint + k for joint in FACE for k in range(6)]
    assert sorted([*together, *face]) == list(range(features.WIDTH))


def test_six_numbers_are_the_first_two_rows_of_a_matrix():
    scipy = pytest.importorskip("scipy.spatial.transform")
    pose, _ = body(1)
    rows = scipy.Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()[:, :2].reshape(20, -1)
    assert features.to_6d(pose) == pytest.approx(rows, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_a_body_comes_back(seed, count):
    scipy = pytest.importorskip("scipy.spatial.transform")
    pose, way = body(seed, count)
    found, moved = features.decode(features.encode(pose, way))
    rest = [joint for joint in range(55) if joint not in FACE]
    before, after = (scipy.Rotation.from_rotvec(p[:, rest].reshape(-1, 3)) for p in (pose, found))
    assert (before.inv() * after).magnitude().max() < 1e-3
    assert not found[:, FACE].any()
    start = way - np.array([way[0, 0], 0, way[0, 2]])
    assert moved == pytest.approx(start, abs=1e-4)


def test_feet_that_stand_are_told_from_feet_that_go():
    pose = np.zeros((60, 55, 3))
    way = np.zeros((60, 3))
    way[30:, 2] = np.arange(30) / 30  # a metre a second forward
    stands = features.encode(pose, way)[:, -4:]
    assert stands[:29].min() == 1.0
    assert stands[31:59].max() == 0.0


def test_rest_is_the_t_pose():
    pose, way = features.decode(features.rest(5))
    assert np.abs(pose).max() < 1e-6
    assert not way.any()


def test_another_rate_keeps_the_movement():
    times = np.arange(151) / 50
    pose = np.zeros((151, 55, 3))
    pose[:, 16, 2] = np.sin(2 * times)
    there, way = features.resampled(pose, np.zeros((151, 3)), 50, 30)
    assert there[:, 16, 2] == pytest.approx(np.sin(2 * np.arange(len(there)) / 30), abs=1e-3)
    back, _ = features.resampled(there, way, 30, 50, 151)
    assert np.abs(back - pose)[:145].max() < 2e-3
    assert len(back) == 151


def test_the_spectrogram_does_not_change_with_the_gain(noise):
    samples = noise[:32_000] * np.linspace(0, 1, 32_000, dtype=np.float32)
    loud, soft = audio_features.mel(samples, 120), audio_features.mel(samples * 0.1, 120)
    assert loud.shape == (120, audio_features.BANDS)
    assert np.abs(loud - soft)[60:].max() < 0.02


def test_a_tone_is_heard_in_its_band_when_it_sounds():
    times = np.arange(16_000) / 16_000
    tone = np.where(times > 0.5, np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
    heard = audio_features.mel(tone, 60)
    assert heard[40].argmax() == heard[55].argmax()
    assert heard[40].max() > heard[20].max() + 1
    hertz = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + e / 700) for e in (60, 7600)), 42) / 2595) - 1)
    assert abs(hertz[1 + heard[40].argmax()] - 1000) < 120


def test_no_speech_model_is_a_clear_sentence(tmp_path):
    with pytest.raises(Exception, match=r"animcore\[train\]|no speech model in"):
        audio_features.speech_model(tmp_path)


@pytest.fixture
def hubert(tmp_path):
    """A HuBERT of chance weights, as transformers keeps it."""
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    channels = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    transformers.HubertModel(transformers.HubertConfig(**small, **channels)).save_pretrained(tmp_path / "hubert")
    return tmp_path / "hubert"


def test_a_speech_model_of_the_disk_is_heard(hubert, noise):
    states = audio_features.states(noise[:32_000], 120, hubert)
    assert states.shape == (120, 16)
    assert np.isfinite(states).all()
    assert np.ptp(states, axis=0).max() > 1e-3


def test_a_damaged_speech_model_is_a_clear_sentence(hubert):
    (hubert / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(Exception, match="cannot be read"):
        audio_features.speech_model(hubert)
