"""Bits that go into a pattern: an id and its checksum, spread by a convolutional code that soft values decode.

The code has rate 1/3 and seven bits of memory (133, 171, 165 in octal), as in GSM and LTE; it is decoded after
Viterbi ("Error bounds for convolutional codes", 1967).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ID_BITS, CHECK_BITS, _TAIL = 32, 16, 6
_GENERATORS = (0o133, 0o171, 0o165)
LENGTH = (ID_BITS + CHECK_BITS + _TAIL) * len(_GENERATORS)
_STATES = 1 << _TAIL


def encoded(number: int) -> NDArray[np.float32]:
    """Return the codeword (LENGTH,) of -1 and 1 of an id, 0 .. 2**32 - 1."""
    bits = [(number >> at) & 1 for at in reversed(range(ID_BITS))]
    checks = [(checksum(number) >> at) & 1 for at in reversed(range(CHECK_BITS))]
    state, signs = 0, []
    for bit in [*bits, *checks, *[0] * _TAIL]:
        window = (bit << _TAIL) | state
        signs += [1 - 2 * ((window & generator).bit_count() & 1) for generator in _GENERATORS]
        state = window >> 1
    return np.array(signs, np.float32)


def decoded(values: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32]]:
    """Decode soft values (N, LENGTH).

    Returns:
        The ids whose codewords fit best, (N,); whether their checksums hold; and the sums of the values, each with the
        sign that its codeword has.
    """
    values = np.asarray(values, np.float32).reshape(len(values), -1, len(_GENERATORS))
    count, steps = values.shape[:2]
    cost = np.full((count, _STATES), -np.inf, np.float32)
    cost[:, 0] = 0
    choices = np.empty((steps, count, _STATES), bool)
    for step in range(steps):
        gains = values[:, step] @ _SIGNS.T  # of each window of seven bits
        paths = cost[:, _BEFORE] + gains[:, _WINDOWS]  # (N, states, 2): the two ways into a state
        choices[step] = paths[..., 1] > paths[..., 0]
        cost = paths.max(-1)
    return *_traced(choices), cost[:, 0]


def _traced(choices: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Follow the best way back from the state that the tail ends in."""
    steps, count, _ = choices.shape
    state, rows = np.zeros(count, np.int64), np.arange(count)
    bits = np.empty((steps, count), np.int64)
    for step in reversed(range(steps)):
        bits[step] = state >> (_TAIL - 1)
        state = _BEFORE[state, choices[step, rows, state].astype(np.int64)]
    numbers = _number(bits[:ID_BITS])
    checks = _number(bits[ID_BITS : ID_BITS + CHECK_BITS])
    wanted = np.array([checksum(int(one)) for one in numbers])
    return numbers, checks == wanted


def checksum(number: int) -> int:
    """Return the CRC-16 (CCITT, begins with ones) of an id."""
    value = 0xFFFF
    for byte in number.to_bytes(4, "big"):
        value ^= byte << 8
        for _ in range(8):
            value = ((value << 1) ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def _number(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((bits << np.arange(len(bits))[::-1, None]).sum(0), np.int64)


def _tables() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The signs of each window (128, 3), and of each state (64, 2) the states before it and the windows between."""
    windows = np.arange(2 * _STATES)
    signs = np.array(
        [[1 - 2 * ((int(one) & generator).bit_count() & 1) for generator in _GENERATORS] for one in windows]
    )
    state = np.arange(_STATES)
    into = np.stack([(state << 1) & (2 * _STATES - 1), ((state << 1) | 1) & (2 * _STATES - 1)], 1)  # windows
    return signs.astype(np.float32), into & (_STATES - 1), into


_SIGNS, _BEFORE, _WINDOWS = _tables()
