"""Shipped networks as files: opened with onnxruntime, on the CPU, with what their metadata states."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import onnxruntime

from animcore.core.vocabulary import ARKIT
from animcore.errors import AnimcoreError

T = TypeVar("T")
Metadata = Mapping[str, str]


def load(path: str | Path, title: str, threads: int, build: Callable[[onnxruntime.InferenceSession, Metadata], T]) -> T:
    """Return what `build` makes of a network and its metadata.

    Args:
        path: of the file.
        title: of the network, for the sentence of an error.
        threads: CPU threads that it runs on.
        build: takes the session and the metadata.

    Raises:
        AnimcoreError: when the file is missing or broken, or its metadata lack something.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return build(session, session.get_modelmeta().custom_metadata_map)
    except Exception as error:  # onnxruntime raises classes of its own that it does not export
        raise AnimcoreError(f"{title} {Path(path).name} cannot be loaded; install Animcore again. {error}") from error


def arkit_columns(metadata: Metadata) -> list[int]:
    """Return the column of each ARKit weight in a network's output."""
    names = json.loads(metadata["names"])
    return [names.index(name) for name in ARKIT]
