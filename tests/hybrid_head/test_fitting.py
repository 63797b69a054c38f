"""A fit: from pictures of a head that is known, it comes nearer to it, grows to its number and goes on when stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_heads import dots, looking

torch = pytest.importorskip("torch")

from animcore.body_models.parametric_model import load_model  # noqa: E402
from animcore.errors import Cancelled, InputError  # noqa: E402
from animcore.hybrid_head import uv_layout  # noqa: E402
from animcore.hybrid_head.fitting import losses, samples, texture_layer, trainer  # noqa: E402
from animcore.hybrid_head.fitting.trainable_gaussians import TrainableGaussians  # noqa: E402
from animcore.hybrid_head.head_model import HybridHead, render  # noqa: E402

JAW = np.zeros((5, 3), np.float32)
JAW[2, 0] = 0.25
STILL = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def person():
    model = load_model("open-head")
    # the camera of the tests looks at the origin
    model = replace(model, template=model.template - np.float32([0, 0.13, 0.05]))
    uv, faces = uv_layout.layout(model)
    return HybridHead(model, np.zeros(0, np.float32), np.zeros_like(model.template), uv, faces)


@pytest.fixture(scope="module")
def sitting(person):
    """Twelve small pictures of a head with a chequered face and red hair, mouth closed and open."""
    random = np.random.default_rng(0)
    cells = np.kron(random.uniform(0.2, 0.9, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.float32)
    shell = random.normal(size=(400, 3))
    shell *= (random.uniform(0.11, 0.13, (400, 1))) / np.linalg.norm(shell, axis=1, keepdims=True)
    shell = shell[shell[:, 1] > 0.03] - [0, 0, 0.03]
    truth = replace(person, texture=cells, hair=dots(shell, 0.006, (0.8, 0.2, 0.1)))
    moments = {0: samples.HeadState(STILL[:0], JAW * 0, STILL), 1: samples.HeadState(STILL[:0], JAW, STILL)}
    pictures = []
    for angle in np.linspace(-2.5, 2.5, 6):
        camera = looking(angle)
        camera = replace(camera, width=64, height=64, focal=(140.0, 140.0), centre=(32.0, 32.0))
        for number, moment in moments.items():
            drawn = render(truth, truth.at(moment.expression, moment.joints, moment.translation), camera)
            pictures.append(
                samples.TrainingView(
                    camera, number, torch.as_tensor(drawn.colour), torch.as_tensor(drawn.alpha).float()
                )
            )
    return moments, pictures


def fit(person, sitting, folder, progress=None, **settings):
    moments, pictures = sitting
    chosen = trainer.FitSettings(**{"gaussians": 600, "steps": 40, "texture": 64, "changes": 1, **settings})
    return trainer.HeadFitter(person, moments, pictures, chosen, folder, progress or (lambda *_: None))


def nearness(head, sitting, mode):
    moments, pictures = sitting
    values = []
    for picture in pictures:
        moment = moments[picture.moment]
        posed = head.at(moment.expression, moment.joints, moment.translation)
        values.append(losses.psnr(torch.as_tensor(render(head, posed, picture.camera, mode).colour), picture.colour))
    return np.mean(values)


def test_a_hybrid_comes_near_to_what_it_sees_and_nearer_than_its_mesh(person, sitting, tmp_path):
    run, shown = fit(person, sitting, tmp_path), []
    run.show = shown.append
    head = run.run()
    assert head.count == 600
    assert nearness(head, sitting, "hybrid") > 20
    assert nearness(head, sitting, "hybrid") > nearness(head, sitting, "mesh") + 3
    assert shown[-1].shape == (64, 128, 3)
    assert np.abs(shown[-1][:, :64].astype(float) - shown[-1][:, 64:]).mean() < 30


def test_gaussians_alone_fill_up_to_the_same_number(person, sitting, tmp_path):
    head = fit(person, sitting, tmp_path, mode="gaussians", steps=30).run()
    assert head.texture is None
    assert head.count == 600
    assert nearness(head, sitting, "gaussians") > 15


def test_known_hair_is_where_a_fit_starts_and_has_the_colour_that_is_seen_there(person, sitting, tmp_path):
    run = fit(person, sitting, tmp_path, steps=2)
    random = np.random.default_rng(3)
    shell = random.normal(size=(900, 3))
    shell *= 0.12 / np.linalg.norm(shell, axis=1, keepdims=True)
    shell = shell[(shell[:, 1] > 0.05) & (shell[:, 2] > 0.03)] - [0, 0, 0.03]
    run.known = dots(shell, 0.006)
    hair = run.run().hair
    away = np.linalg.norm(hair.means[:, None] - shell[None], axis=2).min(1)
    assert len(hair.means) >= 50
    assert np.median(away) < 0.0003  # new ones stand beside theirs
    colours = 0.5 + 0.28209479 * hair.harmonics[:, 0]
    assert np.median(colours[:, 0] - colours[:, 2]) > 0.3  # red, as the pictures have it


def test_colours_change_where_the_jaw_moves_the_head_and_nowhere_else(person, sitting):
    moments, _pictures = sitting
    seats = {
        number: texture_layer.pose_tensors(person, one, torch.device("cpu"), False) for number, one in moments.items()
    }
    reach = texture_layer.reach(person, seats, 64).numpy()
    part, faces = person.model.extras["part_of_vertex"], person.model.faces
    middle = person.model.template[faces].mean(1)
    places = np.clip((person.uv[person.uv_faces].mean(1) * 64).astype(int), 0, 63)
    shares = reach[63 - places[:, 1], places[:, 0]]
    skin = (part[faces] == 0).all(1)
    top = skin & (middle[:, 1] > np.percentile(middle[skin, 1], 95))
    assert shares[top].mean() < 0.01  # of the skull; a rim may take a little from the next piece of the layout
    assert shares[(part[faces] == 2).all(1)].mean() > 0.5  # the tongue goes with the jaw


def test_a_run_that_was_stopped_ends_where_one_in_one_go_does(person, sitting, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_KEPT", 10)
    whole = fit(person, sitting, tmp_path / "whole", steps=30).run()

    def stop(fraction, _stage):
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(person, sitting, tmp_path / "cut", stop, steps=30).run()
    again = fit(person, sitting, tmp_path / "cut", steps=30).run()
    np.testing.assert_allclose(again.texture, whole.texture, atol=1e-4)
    np.testing.assert_allclose(again.hair.means, whole.hair.means, atol=1e-5)


def test_a_run_is_lengthened_and_shortened(person, sitting, tmp_path):
    first = fit(person, sitting, tmp_path, mode="mesh", steps=6)
    first.run()
    longer = fit(person, sitting, tmp_path, mode="mesh", steps=10)
    head = longer.run()
    assert (first.step, longer.step) == (6, 10)
    shorter = fit(person, sitting, tmp_path, mode="mesh", steps=4)
    assert np.array_equal(shorter.run().texture, head.texture)  # it has more steps already: used as it is
    assert shorter.step == 10


def test_the_checkpoint_of_another_fit_is_not_taken(person, sitting, tmp_path):
    fit(person, sitting, tmp_path, mode="mesh", steps=2).run()
    with pytest.raises(InputError, match="another fit"):
        fit(person, sitting, tmp_path, mode="mesh", steps=2, seed=1).run()
    moments, pictures = sitting
    darker = [replace(picture, colour=0.8 * picture.colour) for picture in pictures]
    with pytest.raises(InputError, match="another fit"):
        fit(person, (moments, darker), tmp_path, mode="mesh", steps=2).run()
    (tmp_path / trainer.CHECKPOINT).write_bytes(b"cut")
    with pytest.raises(InputError, match=r"checkpoint\.pt"):
        fit(person, sitting, tmp_path, mode="mesh", steps=2).run()


def bump(person):
    """(V, 3) a cheek and the jaw below it pushed out by up to 6 mm; and which vertices are skin."""
    template = person.model.template
    near = np.exp(-((template - np.float32([0.055, -0.03, 0.06])) ** 2).sum(1) / (2 * 0.025**2))
    skin = person.model.extras["part_of_vertex"] == 0
    return (0.006 * (near * skin)[:, None] * np.float32([0.9, 0.0, 0.44])).astype(np.float32), skin


def seen_from_around(head):
    """Seven small pictures of the mesh alone, and the one moment that they show."""
    moment = samples.HeadState(STILL[:0], JAW * 0, STILL)
    pictures = []
    for angle in np.linspace(-1.4, 1.4, 7):
        camera = replace(looking(angle), width=96, height=96, focal=(330.0, 330.0), centre=(48.0, 48.0))
        drawn = render(head, head.at(moment.expression, moment.joints, STILL), camera, "mesh")
        pictures.append(samples.TrainingView(camera, 0, torch.as_tensor(drawn.colour), torch.as_tensor(drawn.alpha)))
    return {0: moment}, pictures


def test_skin_that_lies_elsewhere_is_found_from_silhouettes_and_texture(person, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_SHAPING", (0.0, 0.95))
    random = np.random.default_rng(1)
    cells = np.kron(random.uniform(0.2, 0.9, (32, 32, 3)), np.ones((8, 8, 1))).astype(np.float32)
    off, skin = bump(person)
    truth = replace(person, texture=cells, offset=person.offset + off)
    chosen = {"mode": "mesh", "steps": 24, "texture": 256, "changes": 0, "displacement": True}
    head = fit(person, seen_from_around(truth), tmp_path, **chosen).run()
    size = np.linalg.norm(off, axis=1)
    wrong = np.linalg.norm(head.offset - truth.offset, axis=1)
    assert wrong[size > 0.002].mean() < 0.7 * size[size > 0.002].mean()
    assert wrong[skin & (size < 1e-4)].mean() < 0.0005


@pytest.mark.parametrize("mode", ["gaussians", "hybrid"])
def test_a_step_makes_no_tensor_on_another_device_than_its_own(person, sitting, tmp_path, mode):
    """What names no device lands on the default one, here one without numbers: a step would fail or know nothing."""
    run = fit(person, sitting, tmp_path, mode=mode, steps=12, displacement=mode == "hybrid")
    learn, grow = run._learn, run._grow

    def on_meta(work):
        def done(*given):
            with torch.device("meta"):
                return work(*given)

        return done

    run._learn, run._grow = on_meta(learn), on_meta(grow)
    assert run.run().count > 0
    assert {value.device.type for cloud in run._clouds for value in cloud.values.values()} == {"cpu"}


def test_growth_drops_the_faint_and_splits_what_the_picture_pulls_at():
    cloud = TrainableGaussians.started(np.zeros((4, 3)), 1.0, np.full((4, 3), 0.5), np.arange(4), 1e-3)
    with torch.no_grad():
        cloud.values["opacities"][0] = -9.0
    cloud.felt(torch.tensor([9.0, 0.0, 5.0, 1.0]))
    torch.manual_seed(0)
    cloud.grow(4, large=0.5)
    assert cloud.binding.tolist() == [1, 2, 3, 2]
    sizes = cloud.splats().scales[:, 0].tolist()
    assert sizes == pytest.approx([1, 1 / 1.6, 1, 1 / 1.6], rel=1e-5)


def test_structural_similarity_is_that_of_the_paper():
    """Against the sums of the definition, pixel by pixel."""
    random = np.random.default_rng(0)
    a, b = random.uniform(size=(2, 24, 20, 3))
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(bell, bell) / np.outer(bell, bell).sum()

    def blurred(picture):
        padded = np.pad(picture, ((5, 5), (5, 5), (0, 0)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), (0, 1))
        return np.einsum("hwcij,ij->hwc", views, window)

    ma, mb = blurred(a), blurred(b)
    va, vb, ab = blurred(a * a) - ma**2, blurred(b * b) - mb**2, blurred(a * b) - ma * mb
    wanted = ((2 * ma * mb + 1e-4) * (2 * ab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))).mean()
    assert float(losses.ssim(torch.as_tensor(a), torch.as_tensor(b))) == pytest.approx(wanted, abs=1e-6)
    assert float(losses.ssim(torch.as_tensor(a), torch.as_tensor(a))) == pytest.approx(1)
