"""Train the shipped phoneme head: `python -m animcore.training.lip_sync.phoneme_head --out assets/solvers`.

hama's own phonemes are right but not on time (connectionist temporal classification answers with a spike somewhere in
the audio). So one linear layer on the hidden states that the network has anyway learns the phoneme of every frame from
synthetic voices with exact times, and becomes one more output of the same graph; the other outputs stay as they are.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from animcore.audio import recording
from animcore.core.atomic_files import whole_file
from animcore.speech.pronunciation import PHONEMES, dictionary
from animcore.training.lip_sync import conformer, synthetic_noise, synthetic_speech
from animcore.training.lip_sync.augmentation import at_loudness, faster, roughened
from animcore.training.lip_sync.conformer import FEATURES, FPS
from animcore.training.lip_sync.recordings import encoded

LOG = logging.getLogger(__name__)

SENTENCES = 800
STEPS = 3000
_FRAMES = 2048  # that a step sees
_LEVELS = (-30.0, -17.0)  # LUFS of training examples
_SPEEDS = 0.16  # largest change of speed, as a logarithm
_SAME = {"ax": "ah", "pau": "sil"}  # flite's phones that are called otherwise here
_SMALL_WORDS = """
the this that with and of to in is it for on was as are they there then those than usual measure
""".split()  # noqa: SIM905  a list of quoted words reads worse


def sentences(count: int) -> list[str]:
    """Half of everyday words, half of words from the whole dictionary with small words between them."""
    everyday = synthetic_speech.sentences(count // 2)
    generator = np.random.default_rng(5)
    known = sorted(word for word in dictionary() if word.isalpha() and 3 < len(word) < 9)
    mixed = []
    for _ in range(count - len(everyday)):
        rare = generator.choice(known, generator.integers(3, 6))
        mixed.append(" ".join(f"{generator.choice(_SMALL_WORDS)} {word}" for word in rare) + ".")
    return [text for pair in zip(everyday, mixed, strict=True) for text in pair]


def training_examples(folder: Path) -> Iterator[tuple[NDArray[np.float16], NDArray[np.int64]]]:
    """Yield hidden states (T, 720) and the index of the phoneme of each frame (T,), of voices and of other sounds."""
    encoder = conformer.pretrained()
    folder.mkdir(parents=True, exist_ok=True)
    for index, text in enumerate(sentences(SENTENCES)):
        generator = np.random.default_rng([17, index])
        voice = synthetic_speech.VOICES[index // 2 % len(synthetic_speech.VOICES)]
        path = folder / "voice.wav"
        phones = synthetic_speech.speak(text, voice, path, generator.uniform(0.85, 1.2))
        factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS)))
        samples = faster(recording.load(path).samples, factor)
        samples = roughened(samples, generator) if generator.random() < 0.6 else samples
        states = encoded(encoder, at_loudness(samples, generator.uniform(*_LEVELS)))
        times = np.arange(len(states)) / FPS
        labels = np.zeros(len(states), np.int64)
        for name, start, end in phones:
            labels[(times >= start / factor) & (times < end / factor)] = PHONEMES.index(_SAME.get(name, name))
        yield states, labels
    for sound in synthetic_noise.sounds(60, seed=1):
        states = encoded(encoder, at_loudness(sound, -23.0))
        yield states, np.zeros(len(states), np.int64)


def train(states: Tensor, labels: Tensor, held_out: int) -> nn.Linear:
    """Return the layer; the last `held_out` frames do not train: they are the validation split."""
    torch.manual_seed(0)
    mean, spread = states.float().mean(0), states.float().std(0) + 1e-3
    layer = nn.Linear(FEATURES, len(PHONEMES))
    optimizer = torch.optim.AdamW(layer.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS, pct_start=0.1)
    generator = torch.Generator().manual_seed(0)
    count = len(states) - held_out
    for step in range(STEPS):
        chosen = torch.randint(count, (_FRAMES,), generator=generator)
        heard = functional.dropout((states[chosen].float() - mean) / spread, 0.2)
        loss = functional.cross_entropy(layer(heard), labels[chosen], label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            LOG.info("step %d: loss %.3f", step + 1, float(loss.detach()))
    with torch.no_grad():
        if held_out:
            right = (layer((states[count:].float() - mean) / spread).argmax(1) == labels[count:]).float().mean()
            LOG.info("frames right on sentences that did not train: %.3f", float(right))
        layer.weight.div_(spread)
        layer.bias.sub_(layer.weight @ mean)
    return layer


def add(model: onnx.ModelProto, layer: nn.Linear) -> None:
    """Give the shipped graph the output `phonemes` (1, T, 40), probabilities in 0..1, in place of one it may have."""
    graph = model.graph
    for part in ("node", "initializer", "output"):
        kept = [one for one in getattr(graph, part) if not one.name.startswith("phonemes")]
        del getattr(graph, part)[:]
        getattr(graph, part).extend(kept)
    states = next(
        node.output[0] for node in graph.node if node.op_type == "Concat" and len(node.input) == conformer.LAYERS + 1
    )
    graph.initializer.append(numpy_helper.from_array(layer.weight.detach().numpy().T.copy(), "phonemes_weight"))
    graph.initializer.append(numpy_helper.from_array(layer.bias.detach().numpy().copy(), "phonemes_bias"))
    graph.node.append(helper.make_node("MatMul", [states, "phonemes_weight"], ["phonemes_sum"], "phonemes_matmul"))
    graph.node.append(helper.make_node("Add", ["phonemes_sum", "phonemes_bias"], ["phonemes_logits"], "phonemes_add"))
    graph.node.append(helper.make_node("Softmax", ["phonemes_logits"], ["phonemes"], "phonemes_softmax", axis=-1))
    graph.output.append(helper.make_tensor_value_info("phonemes", TensorProto.FLOAT, [1, "t", len(PHONEMES)]))
    metadata = {one.key: one.value for one in model.metadata_props} | {"phonemes": json.dumps(PHONEMES)}
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the layer and add it to the shipped network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/solvers"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    rows = list(training_examples(options.cache / "phonemes"))
    order = np.random.default_rng(0).permutation(len(rows))
    states = torch.from_numpy(np.concatenate([rows[index][0] for index in order]))
    labels = torch.from_numpy(np.concatenate([rows[index][1] for index in order]))
    path = options.out / "articulation.onnx"
    model = onnx.load(str(path))
    add(model, train(states, labels, len(states) // 10))
    with whole_file(path) as temporary:
        onnx.save(model, str(temporary))


if __name__ == "__main__":
    main()
