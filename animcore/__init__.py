"""Animcore: recorded speech in, an editable facial and body performance out.

    import animcore as ac

    motion = ac.generate("line.wav", fps=24)
    ac.save(motion, "line.glb")

Everything in `__all__` is imported on first use, so that `import animcore` itself takes a few milliseconds.
docs/developers/python.md teaches it.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from animcore import avatar
    from animcore.api import generate, judge, load, load_audio, save
    from animcore.audio.recording import AudioClip
    from animcore.body_models.arkit_to_flame import to_arkit, to_flame
    from animcore.body_models.parametric_model import load_model
    from animcore.direction import Direction, EmotionKey, EmotionSpan
    from animcore.errors import AnimcoreError, InputError
    from animcore.motion import Event, Motion
    from animcore.rendering.camera import Camera
    from animcore.retarget.named_rigs import retarget

__version__ = "0.2.0"

# PyTorch's threads, when they wait for work, keep their cores busy: between the loops of the rasterizer, which have
# threads of their own, gradients cost two to three times the processor. Set before PyTorch is loaded, they sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "AnimcoreError",
    "AudioClip",
    "Camera",
    "Direction",
    "EmotionKey",
    "EmotionSpan",
    "Event",
    "InputError",
    "Motion",
    "avatar",
    "generate",
    "judge",
    "load",
    "load_audio",
    "load_model",
    "retarget",
    "save",
    "to_arkit",
    "to_flame",
]

_MODULES = {
    "AnimcoreError": "errors",
    "AudioClip": "audio.recording",
    "Camera": "rendering.camera",
    "Direction": "direction",
    "EmotionKey": "direction",
    "EmotionSpan": "direction",
    "Event": "motion",
    "InputError": "errors",
    "Motion": "motion",
    "generate": "api",
    "judge": "api",
    "load": "api",
    "load_audio": "api",
    "load_model": "body_models.parametric_model",
    "save": "api",
    "to_arkit": "body_models.arkit_to_flame",
    "to_flame": "body_models.arkit_to_flame",
}
_PACKAGES = ("avatar", "retarget")  # modules themselves; the second is called as a function


def __getattr__(name: str) -> object:
    """Import a name when it is first used."""
    if name in _PACKAGES:
        return importlib.import_module(f"animcore.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'animcore' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"animcore.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
