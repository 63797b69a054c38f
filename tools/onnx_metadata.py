"""Give the shipped networks the metadata that their exporters write today; weights and outputs stay as they are.

Run it as `python tools/onnx_metadata.py` after the metadata of `training.lip_sync.conformer` changed.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from animcore.core.atomic_files import whole_file
from animcore.training.lip_sync import conformer
from animcore.training.lip_sync.recordings import LEVEL

SOLVERS = Path(__file__).resolve().parent.parent / "assets" / "solvers"


def main() -> None:
    """Rewrite the metadata of every network."""
    for path in sorted(SOLVERS.glob("*.onnx")):
        model = onnx.load(str(path))
        facts = {one.key: one.value for one in model.metadata_props} | conformer.metadata(LEVEL)
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, facts)
        onnx.checker.check_model(model)
        with whole_file(path) as temporary:
            onnx.save(model, str(temporary))
        print(f"{path.name}: {len(facts)} entries")


if __name__ == "__main__":
    main()
