"""The published files of the face models as their layouts have them: names, shapes, weights of chance.

Names and shapes after the authors' repositories (FaceFormer, CodeTalker, FaceDiffuser, EMOTE) and the wav2vec 2.0 and
HuBERT that transformers wrote when they were published; written down by hand, so that they are no echo of our modules.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

VERTICES = {"vocaset": 5023, "biwi": 23370}
PEOPLE = {"vocaset": 8, "biwi": 6}
EAR = {  # a small wav2vec 2.0: its configuration as transformers knows it
    "model_type": "wav2vec2", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
KERNELS = (10, 3, 3, 3, 3, 2, 2)

Shapes = dict[str, tuple[int, ...]]


def wav2vec2(start: str) -> Shapes:
    hidden, inner, conv = 16, 24, 8
    shapes: Shapes = {"masked_spec_embed": (hidden,)}
    for index, kernel in enumerate(KERNELS):
        shapes[f"feature_extractor.conv_layers.{index}.conv.weight"] = (conv, conv if index else 1, kernel)
    norm = "feature_extractor.conv_layers.0.layer_norm"
    shapes |= {f"{norm}.weight": (conv,), f"{norm}.bias": (conv,)}
    shapes |= {"feature_projection.layer_norm.weight": (conv,), "feature_projection.layer_norm.bias": (conv,)}
    shapes |= {"feature_projection.projection.weight": (hidden, conv), "feature_projection.projection.bias": (hidden,)}
    shapes |= {
        "encoder.pos_conv_embed.conv.bias": (hidden,),
        "encoder.pos_conv_embed.conv.weight_g": (1, 1, 16),
        "encoder.pos_conv_embed.conv.weight_v": (hidden, hidden // 4, 16),
        "encoder.layer_norm.weight": (hidden,),
        "encoder.layer_norm.bias": (hidden,),
    }
    for index in range(2):
        layer = f"encoder.layers.{index}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= linear(f"{layer}.attention.{part}", hidden, hidden)
        for part in ("layer_norm", "final_layer_norm"):
            shapes |= {f"{layer}.{part}.weight": (hidden,), f"{layer}.{part}.bias": (hidden,)}
        shapes |= linear(f"{layer}.feed_forward.intermediate_dense", hidden, inner)
        shapes |= linear(f"{layer}.feed_forward.output_dense", inner, hidden)
    return {start + name: shape for name, shape in shapes.items()}


def linear(name: str, width: int, wanted: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (wanted, width)} | ({f"{name}.bias": (wanted,)} if bias else {})


def decoder(start: str, width: int) -> Shapes:
    shapes: Shapes = {}
    for attention in ("self_attn", "multihead_attn"):
        shapes |= {f"{attention}.in_proj_weight": (3 * width, width), f"{attention}.in_proj_bias": (3 * width,)}
        shapes |= linear(f"{attention}.out_proj", width, width)
    shapes |= linear("linear1", width, 2 * width) | linear("linear2", 2 * width, width)
    for index in (1, 2, 3):
        shapes |= {f"norm{index}.weight": (width,), f"norm{index}.bias": (width,)}
    return {start + name: shape for name, shape in shapes.items()}


def faceformer(data: str, width: int = 8) -> Shapes:
    size = 3 * VERTICES[data]
    period = {"vocaset": 30, "biwi": 25}[data]
    return {
        **wav2vec2("audio_encoder."),
        **linear("audio_feature_map", 16, width),
        **linear("vertice_map", size, width),
        "PPE.pe": (1, (600 // period + 1) * period, width),
        **decoder("transformer_decoder.layers.0.", width),
        **linear("vertice_map_r", width, size),
        **linear("obj_vector", PEOPLE[data], width, bias=False),
    }


def transformer(start: str, width: int, inner: int, layers: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(layers):
        attention, inside = f"{start}.net.{2 * index}.fn", f"{start}.net.{2 * index + 1}.fn"
        for part in (attention, inside):
            shapes |= {f"{part}.norm.weight": (width,), f"{part}.norm.bias": (width,)}
        shapes |= linear(f"{attention}.fn.to_qkv", width, 3 * width, bias=False)
        shapes |= linear(f"{attention}.fn.to_out", width, width)
        shapes |= linear(f"{inside}.fn.l1", width, inner) | linear(f"{inside}.fn.l2", inner, width)
    return shapes


def codetalker(data: str, width: int = 8) -> Shapes:
    size, prior, inner, layers = 3 * VERTICES[data], 16, 24, 2
    parts, length = {"vocaset": (4, 4), "biwi": (2, 8)}[data]
    period = {"vocaset": 30, "biwi": 25}[data]
    own: Shapes = {
        **linear("encoder.vertice_mapping.0", size, prior),
        "encoder.squasher.0.0.weight": (prior, prior, 5),
        "encoder.squasher.0.0.bias": (prior,),
        **transformer("encoder.encoder_transformer", prior, inner, layers),
        "encoder.encoder_pos_embedding.pe": (5000, 1, prior),
        **linear("encoder.encoder_linear_embedding.net", prior, prior),
        "decoder.expander.0.0.weight": (prior, prior, 5),
        "decoder.expander.0.0.bias": (prior,),
        **transformer("decoder.decoder_transformer", prior, inner, layers),
        "decoder.decoder_pos_embedding.pe": (5000, 1, prior),
        **linear("decoder.decoder_linear_embedding.net", prior, prior),
        **linear("decoder.vertice_map_reverse", prior, size, bias=data == "vocaset"),
        "quantize.embedding.weight": (12, length),
    }
    if data == "biwi":
        own |= linear("encoder.encoder_linear_embedding_post.net", prior, parts * length)
        own |= linear("decoder.decoder_linear_embedding_pre.net", parts * length, prior)
    return {
        **wav2vec2("audio_encoder."),
        **linear("audio_feature_map", 16, width),
        **linear("vertice_map", size, width),
        "PPE.pe": (1, (600 // period + 1) * period, width),
        **decoder("transformer_decoder.layers.0.", width),
        **decoder("transformer_decoder.layers.1.", width),
        **linear("feat_map", width, parts * length, bias=False),
        "learnable_style_emb.weight": (PEOPLE[data], width),
        **{f"autoencoder.{name}": shape for name, shape in own.items()},
    }


def gru(width: int, hidden: int, layers: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(layers):
        shapes[f"gru.weight_ih_l{index}"] = (3 * hidden, hidden if index else width)
        shapes[f"gru.weight_hh_l{index}"] = (3 * hidden, hidden)
        shapes |= {f"gru.bias_{part}_l{index}": (3 * hidden,) for part in ("ih", "hh")}
    return shapes


def facediffuser(data: str, hidden: int = 8, steps: int = 60) -> Shapes:
    """`beat`: no mesh, no people, and what goes into the recurrent layers is not made narrower before."""
    if data == "beat":
        wide, size, people = 32 + 51 + hidden, 51, {}
    else:
        wide, size, people = 3 * hidden, 3 * VERTICES[data], linear("obj_vector", PEOPLE[data], hidden, bias=False)
        people |= linear("cond_projection", 32, hidden) | linear("input_projection.0", size, 2 * hidden)
        people |= {"input_projection.1.weight": (1, 1, 9), "input_projection.1.bias": (1,)}
    return {
        **wav2vec2("audio_encoder."),
        **people,
        **linear("time_mlp.0", steps, hidden),
        "norm_cond.weight": (wide,),
        "norm_cond.bias": (wide,),
        **gru(wide, hidden, 2),
        **linear("final_layer", hidden, size),
    }


def encoder(start: str, width: int, inner: int) -> Shapes:
    shapes: Shapes = {"self_attn.in_proj_weight": (3 * width, width), "self_attn.in_proj_bias": (3 * width,)}
    shapes |= linear("self_attn.out_proj", width, width)
    shapes |= linear("linear1", width, inner) | linear("linear2", inner, width)
    for index in (1, 2):
        shapes |= {f"norm{index}.weight": (width,), f"norm{index}.bias": (width,)}
    return {start + name: shape for name, shape in shapes.items()}


def convolution(name: str, width: int) -> Shapes:
    norm = f"{name}.2"
    shapes: Shapes = {f"{name}.0.weight": (width, width, 5), f"{name}.0.bias": (width,), f"{norm}.bias": (width,)}
    shapes |= {f"{norm}.{part}": (width,) for part in ("weight", "running_mean", "running_var")}
    return shapes | {f"{norm}.num_batches_tracked": ()}


def emote(width: int = 8, latent: int = 16, expressions: int = 50) -> Shapes:
    """Eight emotions, three levels and 32 people are the style; FLAME and a renderer lie beside them in the file."""
    prior = "sequence_decoder.motion_prior.motion_decoder"
    return {
        **wav2vec2("audio_model.model."),
        **linear("sequence_encoder.linear", 16, width),
        **linear("sequence_decoder.obj_vector.map", 43, width),
        **encoder("sequence_decoder.bert_decoder.layers.0.", 2 * width, 2 * width),
        **linear("sequence_decoder.decoder", 2 * width, latent),
        **linear("sequence_decoder.squasher_2.linear", 8 * latent, latent),
        **convolution(f"{prior}.expander.0", latent),
        **convolution(f"{prior}.expander.1", latent),
        **convolution(f"{prior}.expander.2", latent),
        **encoder(f"{prior}.decoder_transformer.layers.0.", latent, 24),
        **linear(f"{prior}.decoder_linear_embedding", latent, latent),
        **linear(f"{prior}.post_transformer_linear", latent, latent),
        f"{prior}.cross_smooth_layer.weight": (expressions + 3, latent, 5),
        f"{prior}.cross_smooth_layer.bias": (expressions + 3,),
        "sequence_decoder.motion_prior.preprocessor.flame.shapedirs": (7, 3, 4),
        "sequence_decoder.flame.v_template": (7, 3),
        "renderer.render.faces": (1, 5, 3),
    }


def weights(shapes: Shapes, seed: int = 0) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(seed)

    def some(name: str, shape: tuple[int, ...]) -> torch.Tensor:
        if name.endswith("num_batches_tracked"):
            return torch.tensor(7)
        if ("norm" in name and name.endswith("weight")) or name.endswith(("running_var", ".2.weight")):
            return torch.from_numpy(random.uniform(0.5, 1.5, shape).astype(np.float32))
        return torch.from_numpy((random.normal(size=shape) * 0.3).astype(np.float32))

    return {name: some(name, shape) for name, shape in shapes.items()}


def write(path: Path, tensors: dict[str, torch.Tensor], wrapped: bool = False) -> None:
    torch.save({"epoch": 3, "state_dict": tensors} if wrapped else tensors, path)
