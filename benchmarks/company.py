"""How often music and a second speaker are told: `python benchmarks/company.py ../shared`.

Music: made by rule (`synthetic_noise`: plucked and held notes), alone and under real voices; against real voices
alone, noise, drums and breath. Speakers: pairs of clips of speech/, cut into stretches and laid in turns of two or
three, against the same clips alone. The two voices of a pair come from different recordings, which makes it easier.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.speech import music_and_speakers, prosody
from animcore.speech.prosody import FPS
from animcore.training.lip_sync import synthetic_noise

SEEDS = 40
PAIRS = 150
SIZE = 7 * recording.RATE


def clip_of(samples: np.ndarray) -> AudioClip:
    """Samples as a recording of -20 dB."""
    scaled = 0.1 * samples / np.sqrt(np.square(samples).mean() + 1e-12)
    facts = recording.AudioFacts(len(samples) / recording.RATE, recording.RATE, 1, 0.0, -20.0, 0.0, (), ())
    return AudioClip(scaled.astype(np.float32), "", "", facts)


def heard(clip: AudioClip) -> prosody.Prosody:
    """How a voice is carried."""
    return prosody.analyse(clip, int(clip.duration * FPS))


def music(clips: dict[str, AudioClip]) -> None:
    """Print how often music is told."""
    told = [name for name, clip in clips.items() if music_and_speakers.detect_music(clip)]
    print(f"music told in {len(told)} of {len(clips)} clips of speech: {', '.join(told)}")
    voices = [np.resize(clip.samples, SIZE) for clip in clips.values()]
    found: dict[str, list[bool]] = {}
    for seed in range(SEEDS):
        for maker in (
            synthetic_noise._music,
            synthetic_noise._hum,
            synthetic_noise._noise,
            synthetic_noise._drums,
            synthetic_noise._breath,
        ):
            sound = clip_of(maker(np.random.default_rng(seed))).samples
            found.setdefault(maker.__name__[1:], []).append(bool(music_and_speakers.detect_music(clip_of(sound))))
            if maker is synthetic_noise._music:
                for level in (0, -10, -20):
                    mixed = clip_of(voices[seed]).samples + sound * 10 ** (level / 20)
                    kind = f"music {level} dB beside a voice"
                    found.setdefault(kind, []).append(bool(music_and_speakers.detect_music(clip_of(mixed))))
    for name, values in found.items():
        print(f"  {name:28} told as music in {np.mean(values):.0%} of {len(values)}")


def pieces(clip: AudioClip) -> list[np.ndarray]:
    """Stretches of speech, with a little pause behind each."""
    spans, _ = music_and_speakers._stretches(clip, heard(clip))
    gap = np.zeros(recording.RATE // 4, np.float32)
    return [np.concatenate([clip.samples[int(a * recording.RATE) : int(b * recording.RATE)], gap]) for a, b in spans]


def speakers(clips: dict[str, AudioClip]) -> None:
    """Print how often a second speaker is told."""
    cut = {name: found for name, clip in clips.items() if len(found := pieces(clip)) >= 6}
    told = [name for name in cut if music_and_speakers.detect_speakers(clips[name], heard(clips[name]))]
    print(f"two speakers told in {len(told)} of {len(cut)} clips long enough: {', '.join(told)}")
    generator = np.random.default_rng(0)
    found = []
    for _ in range(PAIRS):
        one, two = generator.choice(sorted(cut), 2, replace=False)
        if one[:9] == two[:9]:
            continue
        count, laid, place = min(len(cut[one]), len(cut[two]), 10), [], 0
        while place < count:
            after = min(count, place + int(generator.integers(2, 4)))
            laid += [*cut[one][place:after], *cut[two][place:after]]
            place = after
        mixed = clip_of(np.concatenate(laid))
        found.append(bool(music_and_speakers.detect_speakers(mixed, heard(mixed))))
    print(f"  two told in {np.mean(found):.0%} of {len(found)} dialogues")


def main(shared: Path) -> None:
    """Print both."""
    clips = {path.stem: recording.load(path) for path in sorted((shared / "data" / "speech").glob("*.flac"))}
    music(clips)
    speakers(clips)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
