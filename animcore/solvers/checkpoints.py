"""Folders of trained networks as Hugging Face has them: `config.json`, `model.safetensors` or `pytorch_model.bin`.

Files come from anywhere, so nothing in them is ever run: safetensors hold numbers alone, and of pickles PyTorch's
restricted reader takes numbers alone.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_NAMED = 3  # names listed in a sentence


def config(folder: Path) -> dict[str, Any]:
    """Return the contents of the folder's `config.json`.

    Raises:
        InputError: where it is missing or no JSON object.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"There is no {CONFIG} in {folder}; download the whole folder of the model.")
    try:
        contents = json.loads(content(path).decode())
    except BROKEN_FILE as error:
        raise InputError(f"{path} cannot be read ({error}); download it again.") from error
    if not isinstance(contents, dict):
        raise InputError(f"{path} is not the configuration of a model; download it again.")
    return contents


def whole_number(values: Mapping[str, Any], name: str, folder: Path) -> int:
    """Return a size that a configuration states.

    Raises:
        InputError: where it is absent, or no number from 1 to 100,000.
    """
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise InputError(f"{folder / CONFIG} has {name} = {value!r}, where a size is expected; download it again.")
    return value


def weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of the folder by name; nothing in the file is run.

    Raises:
        InputError: where there is none, or it is cut off, damaged, or holds more than numbers.
    """
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"There is neither {' nor '.join(WEIGHTS)} in {folder}; download the weights into it.")
    return tensors(path)


def tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of one file by name, safetensors or what PyTorch saved; nothing in it is run.

    Raises:
        InputError: where it is cut off, damaged, or holds more than numbers.
    """
    return _safetensors(path) if path.suffix == ".safetensors" else pickled(path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    safetensors = library()
    try:
        found: dict[str, Tensor] = safetensors.torch.load_file(str(path))
    except (safetensors.SafetensorError, *BROKEN_FILE) as error:
        if memory_ran_out(error):
            raise
        raise InputError(f"{path} is cut off or damaged ({error}); download it again.") from error
    return found


class _IgnoredObject:
    """Replaces an object of a file that is not needed, a setting or a path: it takes any arguments."""

    def __init__(self, *_arguments: Any) -> None:
        """Keep nothing."""

    def __setstate__(self, _state: Any) -> None:
        """Keep nothing."""


def pickled(path: Path, passed: tuple[str, ...] = (), advice: str = "download it again") -> dict[str, Any]:
    """Return what PyTorch saved in a file, numbers alone; nothing in the file is run.

    Args:
        path: of the file.
        passed: packages of which objects may be stored with the weights: an empty object of ours replaces them.
        advice: what to do with a damaged file.

    Raises:
        InputError: where the file is cut off, damaged, or would run code.
    """
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path) if passed else []
        inert: list[Any] = [(_IgnoredObject, name) for name in named if name.startswith(passed)]
        with torch.serialization.safe_globals(inert):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} holds more than weights, which could run code; it was not opened.") from error
    except BROKEN_FILE as error:
        if memory_ran_out(error):
            raise
        raise InputError(f"{path} is cut off or damaged ({_first_line(error)}); {advice}.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} does not hold the weights of a network by name; {advice}.")
    return found


def fill(network: nn.Module, folder: Path, unused: tuple[str, ...] = ()) -> None:
    """Put the folder's weights into a network.

    Args:
        network: built by the folder's configuration.
        folder: with the weights.
        unused: beginnings of names that may be there although the network has no use for them.

    Raises:
        InputError: where weights are missing, too many, of other shapes, or no numbers.
    """
    found = {name: values for name, values in weights(folder).items() if not name.startswith(unused)}
    load_tensors(network, found, str(folder), CONFIG)


def load_tensors(network: nn.Module, found: Mapping[str, Any], where: str, source: str) -> None:
    """Put weights into a network.

    Args:
        network: built as they ask for.
        found: tensors by name.
        where: the file or folder that they are from.
        source: of the network's sizes.

    Raises:
        InputError: where weights are missing, too many, of other shapes, or no numbers.
    """
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing and len(missing) == len(wanted):
        raise InputError(f"The weights in {where} are those of another model: none of their names is known here.")
    if missing:
        raise InputError(f"The weights in {where} lack {_few(missing)}; download them again.")
    if extra:
        raise InputError(f"The weights in {where} hold {_few(extra)} too many: they are another version's.")
    for name, values in wanted.items():
        given = found[name]
        if not isinstance(given, Tensor) or given.shape != values.shape:
            shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise InputError(
                f"{name} in {where} is {shape} where {source} asks for {tuple(values.shape)}: weights and "
                "configuration are of two models."
            )
        if given.is_floating_point() and not bool(torch.isfinite(given).all()):
            raise InputError(f"{name} in {where} holds values that are not numbers; download it again.")
    network.load_state_dict({name: found[name] for name in wanted})


def save(network: nn.Module, values: Mapping[str, Any], folder: Path) -> None:
    """Write a network's weights and configuration into a folder, which is made.

    Raises:
        InputError: where it cannot be written.
    """
    safetensors = library()
    make_folder(folder)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with whole_file(folder / WEIGHTS[0]) as temporary:
        safetensors.torch.save_file(state, str(temporary))
    with whole_file(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(dict(values), indent=1), encoding="utf-8")


def library() -> Any:
    """Return the package safetensors.

    Raises:
        InputError: where it is not installed.
    """
    try:
        import safetensors.torch
    except ImportError as error:
        raise InputError("Weights are kept as safetensors: pip install safetensors.") from error
    return safetensors


def memory_ran_out(error: BaseException) -> bool:
    """Whether an error of PyTorch or Python means that memory ran out."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(source in str(error) for source in words)


def _few(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].partition(". ")[0][:120] if lines else type(error).__name__
