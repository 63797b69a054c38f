"""How many planted faults stand among the worst 5 % of a batch: `python benchmarks/line_scores.py --lines 200`.

Lines of one to eight seconds are spoken by espeak-ng (seven languages) and flite (four voices), each at its own level
and with a little noise of a room. Into some of them a fault is planted, before or after the face is solved; all are
scored as `animcore batch` scores them, with their text, and against the other lines of their speaker. What counts is
the order: a fault is found where its line stands among the worst 5 %.

`--kinds all` plants every kind that the scores know, and `--csv FILE` writes the figures of all lines.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.audio.recording import RATE, AudioClip
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.evaluation.lines import LineScore, against_speakers, score
from animcore.evaluation.lines.findings import quality
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.solvers.speech_face import feature_cache
from animcore.speech import transcript
from animcore.training.lip_sync import synthetic_noise

WORST = 0.05  # of the lines
CLAUSES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        ("We have to move", "Nobody opens that gate", "My brother keeps the map", "Bring me five blue bottles",
         "I found another passage", "They promised to be back", "The bridge was built for us", "Put your weapon away"),
        ("before the storm comes in", "behind the old mill", "because the captain said so", "and never tell the others",
         "while the fire is still burning", "under the broken tower", "if you want to live", "from the far valley"),
        ("right now.", "my friend.", "after midnight.", "as far as possible.", "with both hands."),
    ),
    "de": (
        ("Wir müssen den Berg verlassen", "Niemand öffnet das Tor", "Mein Bruder hat die Karte",
         "Bring mir fünf Flaschen", "Ich habe den Weg gefunden", "Das Boot kommt wieder"),
        ("bevor der Sturm beginnt", "hinter der alten Mühle", "weil der Hauptmann es befahl", "am Abend vor dem Fest",
         "während das Feuer brennt"),
        ("mein Freund.", "noch vor Mitternacht.", "mit beiden Händen.", "zum letzten Mal."),
    ),
    "fr": (
        ("Nous devons partir", "Personne ne passe la porte", "Mon frère porte la carte", "Apporte une bouteille de vin",
         "Le bateau revient demain"),
        ("avant la tempête", "derrière le vieux moulin", "parce que le capitaine parle", "pendant la nuit"),
        ("mon ami.", "avec moi.", "pour la dernière fois.", "vers minuit."),
    ),
    "es": (
        ("Tenemos que salir", "Nadie abre la puerta", "Mi hermano tiene el mapa", "Trae cinco botellas",
         "El barco vuelve mañana"),
        ("antes de la tormenta", "detrás del viejo molino", "porque lo manda el capitán", "bajo la torre"),
        ("mi amigo.", "por última vez.", "con las dos manos.", "a medianoche."),
    ),
    "it": (
        ("Dobbiamo partire", "Nessuno apre la porta", "Mio fratello porta la mappa", "Prendi cinque bottiglie",
         "La barca torna domani"),
        ("prima della tempesta", "dietro il vecchio mulino", "perché parla il capitano", "sotto la torre"),
        ("amico mio.", "per favore.", "a mezzanotte.", "con me."),
    ),
}  # fmt: skip
VOICES: tuple[tuple[str, str, str], ...] = (  # program, voice, language of the text
    ("espeak-ng", "en-gb", "en"), ("espeak-ng", "en-us+f3", "en"), ("espeak-ng", "de", "de"),
    ("espeak-ng", "fr+f2", "fr"), ("espeak-ng", "es", "es"), ("espeak-ng", "it+f4", "it"),
    ("flite", "slt", "en"), ("flite", "rms", "en"), ("flite", "awb", "en"), ("flite", "kal16", "en"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line before it is solved."""

    name: str
    voice: int
    text: str
    samples: np.ndarray
    fault: str = ""


def texts(language: str, count: int, rng: np.random.Generator) -> list[str]:
    """Different texts of one to three clauses."""
    starts, middles, ends = CLAUSES[language]
    found: dict[str, None] = {}
    while len(found) < count:
        parts = [rng.choice(starts)]
        if rng.random() < 0.8 or len(found) > 20:
            parts.append(rng.choice(middles))
        text = " ".join([*parts, rng.choice(ends)])
        if text in found or len(found) > 60:  # a second sentence where there are no more of one
            text += f" {rng.choice(starts)} {rng.choice(middles)} {rng.choice(ends)}"
        found[text] = None
    return list(found)


def spoken(program: str, voice: str, text: str, speed: float) -> np.ndarray:
    """The samples of a text at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        if program == "flite":
            command = [
                "flite",
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={1 / speed:.2f}",
                "-t",
                text,
                "-o",
                str(path),
            ]
        else:
            command = ["espeak-ng", "-v", voice, "-s", str(round(165 * speed)), "-w", str(path), text]
        subprocess.run(command, check=True, capture_output=True)
        return recording.load(path).samples


def roomy(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A line as it comes from a booth: its own level, short silence at the ends, noise 48 dB and more below it."""
    ends = [np.zeros(round(RATE * rng.uniform(0.08, 0.35))) for _ in range(2)]
    line = np.concatenate([ends[0], samples, ends[1]])
    line *= 10 ** (rng.uniform(-1.5, 1.5) / 20) * 0.08 / (np.sqrt(np.square(samples).mean()) + 1e-9)
    noise = rng.standard_normal(len(line)) * 0.08 * 10 ** (-rng.uniform(48, 60) / 20)
    return np.clip(line + noise, -1, 1).astype(np.float32)


def scaled(samples: np.ndarray, other: np.ndarray, level: float) -> np.ndarray:
    """Another sound as long as a line and so many dB louder than it."""
    other = np.resize(other, len(samples)).astype(np.float64)
    return other * np.sqrt(np.square(samples).mean() / (np.square(other).mean() + 1e-12)) * 10 ** (level / 20)


def hum(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mains hum with five harmonics, 22 dB below the voice."""
    times = np.arange(len(samples)) / RATE
    mains = rng.choice([50.0, 60.0])
    tones = sum(np.sin(2 * np.pi * mains * k * times + rng.uniform(0, 6)) / k for k in range(1, 6))
    return samples + scaled(samples, np.asarray(tones), -22)


def in_audio(kind: str, line: Line, other: Line, rng: np.random.Generator) -> np.ndarray:
    """The samples of a line with a fault."""
    samples, gap = line.samples, np.zeros(round(0.5 * RATE), np.float32)
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "wrong file": lambda: other.samples,
        "cut line": lambda: samples[: round(len(samples) * rng.uniform(0.55, 0.75))],
        "extra take": lambda: np.concatenate([samples, gap, samples]),
        "clipping": lambda: 0.5 * np.clip(samples * 10 ** (rng.uniform(12, 18) / 20), -0.3, 0.3) / 0.3,
        "noise": lambda: samples + scaled(samples, rng.standard_normal(len(samples)), -rng.uniform(8, 14)),
        "hum": lambda: hum(samples, rng),
        "music": lambda: samples + scaled(samples, synthetic_noise._music(rng), -rng.uniform(6, 12)),
        "second voice": lambda: samples + scaled(samples, other.samples, -rng.uniform(3, 6)),
        "level": lambda: samples * 10 ** (-rng.uniform(12, 16) / 20),
        "silence": lambda: np.concatenate([np.zeros(round(RATE * rng.uniform(2, 4)), np.float32), samples]),
    }
    return np.clip(kinds[kind](), -1, 1).astype(np.float32)


def in_curves(kind: str, motion: Motion, other: Motion, rng: np.random.Generator) -> Motion:
    """A motion with a fault, as an edit, a mix-up of files or a wrong offset leaves it."""
    arkit = motion.arkit.copy()
    if kind == "open lips":
        arkit[:, ARKIT_INDEX["jawOpen"]] = np.maximum(arkit[:, ARKIT_INDEX["jawOpen"]], 0.2)
        arkit[:, ARKIT_INDEX["mouthClose"]] *= 0.2
    elif kind == "other curves":
        arkit = other.arkit[np.arange(len(arkit)) % len(other.arkit)]
    elif kind == "late":
        shift = round(rng.uniform(0.14, 0.25) * motion.fps)
        arkit = np.concatenate([np.repeat(arkit[:1], shift, 0), arkit[:-shift]])
    elif kind == "shaking":
        arkit[:, ARKIT_INDEX["jawOpen"]] += rng.normal(0, 0.12, len(arkit))
    elif kind == "at limit":
        arkit[len(arkit) // 3 : 2 * len(arkit) // 3, ARKIT_INDEX["jawOpen"]] = 1.0
    return replace_track(motion, np.clip(arkit, 0, 1))


def replace_track(motion: Motion, arkit: np.ndarray) -> Motion:
    """A motion with other weights."""
    return replace(motion, arkit=arkit.astype(np.float32))


AUDIO = (
    "wrong file",
    "cut line",
    "extra take",
    "clipping",
    "noise",
    "music",
    "second voice",
    "hum",
    "level",
    "silence",
)
CURVES = ("open lips", "other curves", "late", "shaking", "at limit")
USUAL = ("wrong file", "cut line", "extra take", "clipping", "noise", "music", "second voice", "open lips")


def solved(line: Line, folder: Path) -> tuple[Motion, AudioClip, float]:
    """The face of a line as a batch makes it, and the seconds of CPU that solving and writing took."""
    path = folder / f"{line.name}.wav"
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(RATE)
        handle.writeframes((line.samples * 32767).astype("<i2").tobytes())
    begin = time.process_time()
    clip = recording.load(path)
    motion, _ = generate_files.generate(clip, Fraction(30), Direction(), transcript=transcript.parse(line.text))
    generate_files._deliver(motion, path, generate_files.BatchRequest(folder / "takes"))
    return motion, clip, time.process_time() - begin


def main() -> None:
    """Plant, solve, score and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--faults", type=int, default=0, help="4 %% of the lines where not given; more need more room")
    parser.add_argument("--kinds", choices=("usual", "all"), default="usual")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    for program in ("espeak-ng", "flite"):
        if shutil.which(program) is None:
            parser.error(f"{program} is not installed; apt-get install espeak-ng flite")
    kinds = USUAL if given.kinds == "usual" else AUDIO + CURVES
    rng = np.random.default_rng(given.seed)
    lines = written(given.lines, given.faults or round(0.04 * given.lines), kinds, rng)
    report(lines, *scored(lines, rng), given.csv)


def written(count: int, faults: int, kinds: tuple[str, ...], rng: np.random.Generator) -> list[Line]:
    """The lines, some of them with faults of the audio planted, others marked for faults of the curves."""
    lines = []
    each = -(-count // len(VOICES))
    for number, (program, voice, language) in enumerate(VOICES):
        for place, text in enumerate(texts(language, each, rng)):
            samples = roomy(spoken(program, voice, text, rng.uniform(0.9, 1.15)), rng)
            lines.append(Line(f"{voice.replace('+', '_')}_{place:04}", number, text, samples))
    lines = lines[:count]
    chosen = rng.permutation(len(lines))[:faults]
    for place, at in enumerate(chosen.tolist()):
        kind, line = kinds[place % len(kinds)], lines[at]
        # another file is one of the same voice; a second voice is another's
        others = [
            one for one in lines if (one.voice == line.voice) != (kind == "second voice") and one.text != line.text
        ]
        if kind in AUDIO:
            other = others[int(rng.integers(len(others)))]
            line = replace(line, samples=in_audio(kind, line, other, rng))
        lines[at] = replace(line, fault=kind)
    return lines


def scored(lines: list[Line], rng: np.random.Generator) -> tuple[list[LineScore], float, float]:
    """The score of each line, and the seconds of CPU that solving and scoring took."""
    scores: list[LineScore] = []
    solving = scoring = 0.0
    before: Motion | None = None
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            with feature_cache.in_memory():
                motion, clip, seconds = solved(line, Path(folder))
                solving += seconds
                if line.fault in CURVES:
                    motion = in_curves(line.fault, motion, before or motion, rng)
                begin = time.process_time()
                scores.append(score(motion, clip, line.text))
                scoring += time.process_time() - begin
                before = motion
    return scores, solving, scoring


def report(lines: list[Line], scores: list[LineScore], solving: float, scoring: float, path: Path | None) -> None:
    """Print how many of each kind stand among the worst 5 %."""
    more = against_speakers([(VOICES[line.voice][1], one.values) for line, one in zip(lines, scores, strict=True)])
    faults = [(*one.findings, *other) for one, other in zip(scores, more, strict=True)]
    qualities = np.array([quality(one) for one in faults])
    ranks = np.argsort(np.argsort(qualities, kind="stable"))
    worst = round(WORST * len(lines))
    audio = sum(len(line.samples) for line in lines) / RATE
    print(f"{len(lines)} lines, {audio:.0f} s of audio; solving and writing {1000 * solving / audio:.1f} ms of CPU a "
          f"second, scoring {1000 * scoring / audio:.1f} ms ({scoring / solving:.1%})")  # fmt: skip
    planted = [place for place, line in enumerate(lines) if line.fault]
    for kind in dict.fromkeys(line.fault for line in lines if line.fault):
        own = [place for place in planted if lines[place].fault == kind]
        seen = sum(bool(ranks[place] < worst) for place in own)
        told = [max(faults[place], key=lambda one: one.severity).kind if faults[place] else "-" for place in own]
        print(f"  {kind:14} {seen} of {len(own)} among the worst {worst}; told as {', '.join(told)}")
    seen = sum(bool(ranks[place] < worst) for place in planted)
    print(f"all: {seen} of {len(planted)} planted faults ({seen / len(planted):.0%}) among the worst {WORST:.0%}")
    sound = np.array([not line.fault for line in lines])
    clean = qualities[sound]
    counted: dict[str, int] = {}
    for place in np.flatnonzero(sound).tolist():
        for kind in {one.kind for one in faults[place]}:
            counted[kind] = counted.get(kind, 0) + 1
    print(f"sound lines: {np.mean(clean == 1):.0%} without a finding, {np.mean(clean < 0.5):.1%} below a quality of "
          f"0.5; findings: {counted}")  # fmt: skip
    if path is not None:
        table(lines, scores, qualities, faults, path)


def table(lines: list[Line], scores: list[LineScore], qualities: np.ndarray, faults: list, path: Path) -> None:
    """Write the figures of all lines."""
    names = list(dict.fromkeys(name for one in scores for name in one.values if name != "quality"))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["name", "fault", "quality", "findings", *names, "text"])
        for line, one, value, wrong in zip(lines, scores, qualities, faults, strict=True):
            kinds = " ".join(fault.kind for fault in wrong)
            figures = [f"{one.values[name]:.4g}" if name in one.values else "" for name in names]
            writer.writerow([line.name, line.fault, f"{value:.3f}", kinds, *figures, line.text])


if __name__ == "__main__":
    main()
