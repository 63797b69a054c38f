"""Word boundaries against pocketsphinx, and what words do for the lips: `python benchmarks/alignment.py ../shared`.

Needs `data/lips_grid` (words with times, and tracked lips, of one speaker); pocketsphinx 5 where it is to be compared.
The words' phonemes were learned from synthetic voices alone. The heads that move the lips did learn from this speaker,
so that the figures without a transcript are good ones, and what the transcript adds is not flattered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sounds
from machine import describe

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.evaluation.face import loading, reference_face
from animcore.evaluation.face.scoring import score
from animcore.motion import Event
from animcore.solvers.speech_face import lip_sync
from animcore.speech import alignment, transcript

MARKS = ("r_open", "r_open0", "r_width", "closure_f1", "dynamics")
VOICES = Path(__file__).resolve().parents[1] / "tests" / "golden" / "voices"
NEAR = 0.04  # seconds around a phoneme in which it must be made
SHUT = 0.5 / 89.3  # half a millimetre on the default head, over its eyes
ROLLED = 0.35  # of mouthRollLower from which the lip is at the teeth
EVERY = 8  # of the 989 sentences one is taken
Boundaries = list[tuple[float, float]]


def told(path: Path) -> tuple[list[str], Boundaries]:
    """The words of a sentence of the corpus, and when they are said."""
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as data:
        rows = zip(data["words"], data["word_start"], data["word_end"], strict=True)
        rows = [(str(word), float(start), float(end)) for word, start, end in rows if word not in ("sil", "sp")]
    return [word for word, _, _ in rows], [(start, end) for _, start, end in rows]


def ours(clip: recording.AudioClip, words: Sequence[str]) -> tuple[Event, ...]:
    """Align with the shipped network."""
    heard = lip_sync.detect_phonemes(clip)
    return alignment.align(transcript.parse(" ".join(words)), heard.probabilities, heard.fps).events


def by_pocketsphinx(clip: recording.AudioClip, words: Sequence[str]) -> Boundaries | None:
    """Align with pocketsphinx; None where it is not installed or finds no way."""
    try:
        import pocketsphinx
    except ImportError:
        return None
    decoder = pocketsphinx.Decoder(samprate=16000, lm=None, loglevel="FATAL")
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw((clip.samples * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    segments = [(one.word, one.start_frame, one.end_frame) for one in decoder.seg() or ()]
    found = [(start / 100, (end + 1) / 100) for word, start, end in segments if not word.startswith(("<", "["))]
    return found if len(found) == len(words) else None


def errors(found: Boundaries, truth: Boundaries) -> list[float]:
    """Errors of all starts and ends in milliseconds."""
    return [1000 * abs(a - b) for pair in zip(found, truth, strict=True) for a, b in zip(*pair, strict=True)]


def boundaries(paths: Sequence[Path]) -> None:
    """Print the table of word boundaries."""
    rows: dict[str, list[float]] = {"animcore": [], "pocketsphinx": []}
    lost = dict.fromkeys(rows, 0)
    for path in paths:
        clip, (words, truth) = recording.load(path), told(path)
        mine = [(one.start, one.end) for one in ours(clip, words) if one.kind == "word"]
        for name, found in (("animcore", mine), ("pocketsphinx", by_pocketsphinx(clip, words))):
            if found is None or len(found) != len(truth):
                lost[name] += 1
            else:
                rows[name] += errors(found, truth)
    print(f"\nword boundaries of {len(paths)} sentences of lips_grid, in ms\n")
    print("| | median | mean | 90th percentile | within 50 ms | sentences lost |\n|---|---|---|---|---|---|")
    for name, values in rows.items():
        if values:
            print(f"| {name} | {np.median(values):.0f} | {np.mean(values):.0f} | {np.percentile(values, 90):.0f} "
                  f"| {np.mean(np.array(values) < 50):.1%} | {lost[name]} |")  # fmt: skip


def lips(paths: Sequence[Path], basis: reference_face.ReferenceFace) -> None:
    """Print what the transcript does for the lips, in clean sound and in noise."""
    print(f"\nlips of the same {len(paths)} sentences, without and with the transcript\n")
    print("| | r_open | r_open0 | r_width | closure_f1 | dynamics |\n|---|---|---|---|---|---|")
    for level in (None, 5):
        rows: dict[str, list[list[float]]] = {"without": [], "with": []}
        for path in paths:
            clip, (words, _) = recording.load(path), told(path)
            if level is not None:
                clip = sounds.heard(clip, sounds.noisy(clip.samples.astype(np.float64), level))
            truth = loading.load(path.with_suffix(".npz"), basis)
            for name, spoken in (("without", ()), ("with", ours(clip, words))):
                motion = lip_sync.solve(clip, Direction(), spoken=spoken)
                verdict = score(truth, [loading.from_motion(motion, path, basis)], basis)
                rows[name].append([verdict.values.get(key, np.nan) for key in MARKS])
        for name, values in rows.items():
            sound = "clean" if level is None else f"noise {level} dB below"
            print(
                f"| {sound}, {name} | " + " | ".join(f"{mean:.3f}" for mean in np.nanmean(values, 0)) + " |", flush=True
            )


def closures(basis: reference_face.ReferenceFace) -> None:
    """Print how many p, b and m of synthetic voices, whose times are exact, close the lips, and how many f and v."""
    told = [(path, json.loads(path.read_text())) for path in sorted(VOICES.glob("*.json"))]
    count = {kind: sum(phone in kind for _, one in told for phone, _, _ in one["phones"]) for kind in ("pbm", "fv")}
    print(f"\n{count['pbm']} p, b, m and {count['fv']} f, v of the synthetic voices of tests/golden\n")
    print("| | lips closed, without | with | lip at the teeth, without | with |\n|---|---|---|---|---|")
    for level in (None, 10, 5, 0):
        found = dict.fromkeys(((kind, way) for kind in count for way in ("without", "with")), 0)
        for path, one in told:
            clip = recording.load(path.with_suffix(".flac"))
            if level is not None:
                clip = sounds.heard(clip, sounds.noisy(clip.samples.astype(np.float64), level))
            for way, spoken in (("without", ()), ("with", ours(clip, one["text"].split()))):
                motion = lip_sync.solve(clip, Direction(), spoken=spoken)
                assert motion.arkit is not None
                gap = basis.opening(motion.arkit.astype(np.float64))
                rolled = motion.arkit[:, ARKIT_INDEX["mouthRollLower"]]
                for phone, start, end in one["phones"]:
                    near = (motion.times >= start - NEAR) & (motion.times <= end + NEAR)
                    found["pbm", way] += phone in "pbm" and bool(gap[near].min() < SHUT)
                    found["fv", way] += phone in "fv" and bool(rolled[near].max() > ROLLED)
        sound = "clean" if level is None else f"noise {level} dB below"
        print(f"| {sound} | " + " | ".join(str(value) for value in found.values()) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    paths = sorted((shared / "data" / "lips_grid").glob("*.flac"))[::EVERY]
    basis = reference_face.load(shared / "tools" / "lip_basis.npz", up=2)
    closures(reference_face.default())
    boundaries(paths)
    lips(paths, basis)


if __name__ == "__main__":
    main()
