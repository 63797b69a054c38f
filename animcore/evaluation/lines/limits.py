"""What clean lines stay within, and what is as bad as it gets: pairs of a limit and a value of full severity.

Measured with what `benchmarks/line_limits.py` calls, on clean speech: 61 recordings of one voice in eight languages,
11 minutes, performed by the shipped solver at 30 frames a second, and 160 clips of people whose lips were tracked on
video (MediaPipe), 14 minutes. None of it is shipped; docs/studios/review.md has the table of what was measured.
Limits of lips and curves are set by people where tracking is good enough to tell, as a user's own captures are scored
by them too.
"""

FEWEST_FRAMES = 25  # of the network, half a second, below which nothing is said of synchrony
LEAST_MOVEMENT = 1.0  # millimetres that the audio must call for

# Share of p, b, m closed within 40 ms. The shipped solver: 1.0 in every clip; tracked people: 0.81 to 0.90 of all.
CLOSURES = (0.9, 0.4)
# Share of f, v with the lip at the teeth. The shipped solver: 1.0 in the median clip, 0.79 at the 5th percentile.
TEETH = (0.6, 0.0)
AT_TEETH = 1.5  # millimetres below the edge of the teeth; at rest the default head has 0.3
OPEN = 4.0  # millimetres between the lips; the shipped solver's median speech has 5
# Seconds of it while nobody speaks. People: 0.75 at the 99th percentile; the shipped solver: 0.43 at most.
OPEN_SILENCE = (0.8, 2.0)
# mm/s³, the largest in a clip. People: 187,000 to 257,000 at the 99th percentile, by the data set.
JERK = (205_000.0, 800_000.0)
AT_LIMIT = (0.3, 1.0)  # seconds. The shipped solver: 0 in every clip
# Correlation of the opening with what the audio calls for. The shipped solver: 0.59 at least; people: 0.31 to 0.37 at
# the 5th percentile.
AGREEMENT = (0.4, 0.0)
# Milliseconds. The shipped solver: -12 to 24; people: -44 to 79 between the 5th and the 95th percentile.
LAG = (80.0, 250.0)

# Texts: lines of espeak-ng and flite in five languages (`benchmarks/line_scores.py`).
WORDS = (0.85, 0.5)  # share of the letters of a text that are heard
FIT = (0.06, 0.01)  # geometric mean of the probability of its phonemes
EXTRA_SPEECH = (0.4, 1.5)  # seconds

CLIPPING = (0.001, 0.02)  # share of samples. Clean: 0.0007 at most
NOISE = (24.0, 10.0)  # dB between loud frames and pauses. Clean: 24 at the 5th percentile, 46 in the median
NOISE_WITHOUT_PAUSE = (18.0, 6.0)  # dB between loud frames and the quietest, where there is no pause
HUM = (16.0, 35.0)  # dB. Clean: 15.5 at the 99th percentile
MUSIC = (0.0, 2.0)  # seconds. Clean: 0 but for two clips, one of them singing
SECOND_VOICE = (0.27, 0.6)  # share of voiced frames. Clean: 0.27 at the 99th percentile
SILENCE_ENDS = (1.8, 5.0)  # seconds. Clean: 1.8 at the 99th percentile
CUT = (-15.0, -3.0)  # dB of an end against the loud frames
LEVEL = (6.0, 15.0)  # dB from the median of the speaker
VOICE = (6.0, 12.0)  # semitones from it
UNLIKE = (5.0, 14.0)  # spreads (1.48 times the median distance) from the median of the speaker's lines
