"""Names and shapes of EMAGE's published weights (Hugging Face H-Liu1997/emage_audio), written down from its layout.

Sizes are arguments, since the published ones take 556 MB; at those the file is as published.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

Shapes = dict[str, tuple[int, ...]]

SMALL = {
    "hidden_size": 16, "audio_f": 8, "motion_f": 12, "vae_codebook_size": 10, "pose_length": 16, "seed_frames": 4,
    "speaker_dims": 2,
}  # fmt: skip
CODER = {"vae_layer": 2, "vae_length": 12, "vae_codebook_size": 10}
WIDTHS = {"face": 106, "upper": 78, "hands": 180, "lower": 61, "global": 61}


def both(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def norm(name: str, width: int) -> Shapes:
    return (
        both(name, width)
        | {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
        | {f"{name}.num_batches_tracked": ()}
    )


def sound(name: str, features: int) -> Shapes:
    shapes: Shapes = {}
    quarter, half = features // 4, features // 2
    widths = [(1, quarter), (quarter, quarter), (quarter, quarter), (quarter, half), (half, half), (half, features)]
    for index, (before, after) in enumerate(widths):
        block = f"{name}.feat_extractor.{index}"
        shapes |= both(f"{block}.conv1", after, before, 15) | norm(f"{block}.bn1", after)
        shapes |= both(f"{block}.conv2", after, after, 15) | norm(f"{block}.bn2", after)
        if index not in (2, 4):
            shapes |= both(f"{block}.downsample.0", after, before, 15) | norm(f"{block}.downsample.1", after)
    return shapes


def two(name: str, before: int, middle: int, after: int) -> Shapes:
    return both(f"{name}.fc1", middle, before) | both(f"{name}.fc2", after, middle)


def attention(name: str, width: int) -> Shapes:
    return {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)} | both(
        f"{name}.out_proj", width, width
    )


def layer(name: str, width: int, crossed: bool) -> Shapes:
    shapes = attention(f"{name}.self_attn", width)
    shapes |= attention(f"{name}.multihead_attn", width) if crossed else {}
    shapes |= both(f"{name}.linear1", 2 * width, width) | both(f"{name}.linear2", width, 2 * width)
    for index in range(1, 4 if crossed else 3):
        shapes |= both(f"{name}.norm{index}", width)
    return shapes


def coder(width: int, length: int, layers: int) -> Shapes:
    """Encoder and decoder of an autoencoder."""
    return into("encoder", width, length, layers) | back(width, length, layers)


def into(name: str, width: int, length: int, layers: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(layers):
        shapes |= both(f"{name}.main.{3 * index}", length, length if index else width, 3)
        for place in (0, 2):
            shapes |= both(f"{name}.main.{3 * index + 2}.model.{place}", length, length, 3)
    return shapes


def back(width: int, length: int, layers: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(2):
        for place in (0, 2):
            shapes |= both(f"decoder.main.{index}.model.{place}", length, length, 3)
    for index in range(layers):
        shapes |= both(f"decoder.main.{2 + 2 * index}", width if index == layers - 1 else length, length, 3)
    return shapes | both(f"decoder.main.{2 + 2 * layers}", width, width, 3)


def transformer(sizes: dict[str, int]) -> Shapes:
    hidden, audio, motion, codes = (sizes[name] for name in ("hidden_size", "audio_f", "motion_f", "vae_codebook_size"))
    shapes = sound("audio_encoder_face", audio) | sound("audio_encoder_body", audio)
    shapes |= {f"speaker_embedding_{kind}.weight": (sizes["speaker_dims"], hidden) for kind in ("body", "face")}
    shapes |= {"mask_embedding": (1, 1, 337), "position_embeddings.pe": (1, 2 * sizes["pose_length"], hidden)}
    shapes |= into("motion_encoder", 337, motion, 3)
    shapes |= two("bodyhints_face", motion, hidden, motion) | two("bodyhints_body", motion, hidden, motion)
    shapes |= both("audio_body_motion_proj", hidden, audio) | both("moton_proj", hidden, motion)
    shapes |= layer("transformer_en_layer", hidden, False) | layer("motion_self_encoder.layers.0", hidden, False)
    shapes |= layer("audio_motion_cross_attn_layer", hidden, True)
    for index in range(8):
        shapes |= layer(f"audio_motion_cross_attn.layers.{index}", hidden, True)
    for part in ("upper", "hands", "lower"):
        shapes |= two(f"motion2latent_{part}", hidden, hidden, hidden)
        shapes |= layer(f"body_motion_decoder_{part}.layers.0", hidden, True)
        shapes |= both(f"motion_out_proj_{part}", codes, hidden) | two(f"motion_cls_{part}", codes, hidden, codes)
    shapes |= both("audio_face_motion_proj", hidden, audio + motion)
    for index in range(4):
        shapes |= layer(f"face_motion_decoder.layers.{index}", hidden, True)
    return shapes | both("face_out_proj", codes, hidden) | two("face_cls", codes, hidden, codes)


def write(folder: Path, save, sizes: dict[str, int] | None = None) -> None:
    """Write weights of chance in the published folders; `save(arrays, folder)` writes the weights of one of them."""
    sizes = SMALL if sizes is None else sizes
    random = np.random.default_rng(0)

    def arrays(shapes: Shapes) -> dict[str, np.ndarray]:
        made = {name: random.normal(size=shape).astype(np.float32) * 0.1 for name, shape in shapes.items()}
        for name in made:
            if name.endswith("running_var"):
                made[name] = np.abs(made[name]) + 0.5
            elif name.endswith("num_batches_tracked"):
                made[name] = np.array(7, np.int64)
        return made

    def place(where: Path, config: dict[str, object], shapes: Shapes) -> None:
        where.mkdir(parents=True)
        (where / "config.json").write_text(json.dumps(config))
        save(arrays(shapes), where)

    published = {"architectures": ["EmageAudioModel"], "model_type": "emage_audio", "pose_dims": 330, "pose_fps": 30}
    place(folder, published | sizes, transformer(sizes))
    for part, width in WIDTHS.items():
        layers = 4 if part in ("lower", "global") else 2
        shapes = coder(width, CODER["vae_length"], layers)
        if part != "global":
            shapes["quantizer.embedding.weight"] = (CODER["vae_codebook_size"], CODER["vae_length"])
        config = {"model_type": "emage_vqvaeconv", "vae_test_dim": width, **CODER, "vae_layer": layers}
        place(folder / "emage_vq" / part, config, shapes)
