"""Rigs whose names say nothing: they are compared with the reference head, and speak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from makers import cut_otherwise, jaw_and_lips, person, shapes, someone, visemes

from animcore.audio.recording import load
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.retarget.face_map import FaceMap, RigChannel
from animcore.retarget.geometry_matching import RigGeometry, from_geometry, from_names_and_geometry
from animcore.retarget.reference_head import reference
from animcore.retarget.rig_detection import from_profile, propose
from animcore.retarget.source_tracks import INDEX
from animcore.solvers.perform import perform

CLOSED = 0.15  # of the opening's 95th percentile: lips that nobody sees open


@pytest.fixture(scope="module")
def line():
    """The performance of the demo line, and the opening of the lips of the mean head that performs it."""
    from makers import ROOT

    motion = perform(load(ROOT / "assets" / "voices" / "line.flac"), Direction())
    return motion, spoken(person(), motion)


def spoken(one, motion):
    """(T,) the opening of a person's lips by the ARKit weights themselves."""
    upper, lower = (np.einsum("c,kc->k", weights, one.arkit[:, corners, 1]) for corners, weights in one.lips)
    return one.opening(one.rest[None])[0] + motion.arkit @ (upper - lower)


def same_speech(opening, wanted):
    """The correlation of two openings, and the share of the frames with closed lips that stay closed."""
    opening, wanted = (values - np.quantile(values, 0.02) for values in (opening, wanted))
    shut = wanted < CLOSED * np.quantile(wanted, 0.95)
    kept = opening[shut] < CLOSED * np.quantile(opening, 0.95)
    return np.corrcoef(opening, wanted)[0, 1], kept.mean()


def bilabials(motion):
    """Frames in which p, b or m demands closed lips: the jaw is open and mouthClose takes it all back."""
    jaw, close = motion.arkit[:, ARKIT_INDEX["jawOpen"]], motion.arkit[:, ARKIT_INDEX["mouthClose"]]
    return (jaw > 0.02) & (close > 0.95 * jaw)


def test_shapes_without_names_of_another_person_in_another_topology(line):
    """Shuffled, nameless, centimetres, another face, cut otherwise: at least 48 of 52 are known again."""
    motion, wanted = line
    one = someone(3)
    rest, triangles, fields = cut_otherwise(one, 1)
    order = np.random.default_rng(5).permutation(len(ARKIT))
    rig = shapes(100 * rest + [0, 150, 20], triangles, 100 * fields[order], [f"Key {i}" for i in range(len(ARKIT))])
    found = from_geometry(rig)
    truth = [ARKIT[index] for index in order]
    assert sum(track == name for (track, _), name in zip(found.alike, truth, strict=True)) >= 48
    values = found.solve(motion)
    as_named = values @ np.eye(len(ARKIT))[order]
    moved = spoken(one, replace(motion, arkit=as_named.astype(np.float32)))
    correlation, kept = same_speech(moved, wanted)
    assert correlation >= 0.99
    assert kept > 0.99
    assert not any("lip" in sentence or "jaw" in sentence for sentence in found.missing)


def test_a_character_with_jaw_and_lip_bones_alone_speaks(line):
    motion, wanted = line
    rig = jaw_and_lips(someone(11))
    found = from_geometry(rig.geometry)
    values = found.solve(motion)
    opening = rig.person.opening(rig.posed(values))
    correlation, kept = same_speech(opening, wanted)
    assert correlation >= 0.9
    assert kept > 0.9
    shut = bilabials(motion)
    assert shut.any()
    rest = rig.person.opening(rig.person.rest[None])[0]
    assert (opening[shut] - rest).max() < CLOSED * np.quantile(opening - rest, 0.95)
    assert any("no brow" in sentence.lower() for sentence in found.missing)
    assert any("no tongue" in sentence.lower() for sentence in found.missing)


@pytest.mark.parametrize("by", ["names", "geometry", "both"])
def test_a_character_with_15_visemes_alone_speaks(line, by):
    motion, wanted = line
    one = someone(12)
    rig = visemes(one)
    proposal = propose({"Head": [channel.name for channel in rig.channels]})
    assert (proposal.profile, proposal.confidence) == ("viseme", 1.0)
    found = {
        "names": lambda: from_profile(proposal),
        "geometry": lambda: from_geometry(rig),
        "both": lambda: from_names_and_geometry(proposal, rig),
    }[by]()
    values = found.solve(motion)
    order = [found.names.index(channel.name) for channel in rig.channels]
    upper, lower = (np.einsum("c,kc->k", weights, rig.fields[:, corners, 1]) for corners, weights in one.lips)
    opening = values[:, order] @ (upper - lower)
    correlation, kept = same_speech(opening, wanted)
    assert correlation >= 0.9
    assert kept > 0.9
    assert opening[bilabials(motion)].max() < CLOSED * np.quantile(opening, 0.95)
    assert any("no brow" in sentence.lower() for sentence in found.missing)


def test_a_map_is_the_same_after_saving(tmp_path, line):
    motion, _ = line
    found = from_geometry(jaw_and_lips(person()).geometry)
    found.save(tmp_path / "map.npz")
    read = FaceMap.load(tmp_path / "map.npz")
    assert read.channels == found.channels
    assert read.missing == found.missing
    np.testing.assert_array_equal(read.solve(motion), found.solve(motion))


def test_what_cannot_be_compared_is_said():
    one = person()
    still = shapes(one.rest, one.triangles, np.zeros((1, len(one.rest), 3)), ["Key"])
    with pytest.raises(InputError, match="Nothing of the mesh is moved"):
        from_geometry(still)
    with pytest.raises(InputError, match="not numbers"):
        shapes(one.rest, one.triangles, np.full((1, len(one.rest), 3), np.nan), ["Key"])
    with pytest.raises(InputError, match="cannot have displacements"):
        shapes(one.rest, one.triangles, np.zeros((2, len(one.rest), 3)), ["Key"])


def test_names_that_the_mesh_contradicts_and_hair_are_not_believed():
    head = reference()
    names = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp")
    moved = {name: head.delta[ARKIT.index(name)] for name in names}
    moved |= {"eyeBlinkLeft": moved["eyeBlinkRight"], "eyeBlinkRight": moved["eyeBlinkLeft"]}
    top = head.rest[:, 1] > np.quantile(head.rest[:, 1], 0.8)
    wild = np.random.default_rng(1).normal(size=head.rest.shape)
    moved["mouthFunnel"] = (0.05 * wild * top[:, None]).astype(np.float32)  # hides the hair, whatever it is called
    channels = tuple(RigChannel(f"Head|{name}", "shape", (("Head", name),)) for name in moved)
    geometry = RigGeometry(head.rest, head.triangles, channels, np.stack(list(moved.values())))
    found = from_names_and_geometry(propose({"Head": list(moved)}), geometry)
    assert found.profile.endswith("geometry")
    assert not found.profile.startswith("and")
    named = {one.targets[0][1]: index for index, one in enumerate(found.channels)}
    assert found.direct[named["eyeBlinkLeft"], INDEX["eyeBlinkRight"]] == 1.0
    assert found.direct[named["eyeBlinkRight"], INDEX["eyeBlinkLeft"]] == 1.0
    assert named["mouthFunnel"] not in found.moving
    assert found.opens_mouth
    assert not found.only([named["mouthFunnel"], named["browInnerUp"]]).opens_mouth
