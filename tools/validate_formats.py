"""Judges freshly written files by the validators of their makers: `python tools/validate_formats.py --install`.

GLB and VRMA go through Khronos' glTF validator (npm package gltf-validator; --install puts it into .cache/validators),
USD through the checks of OpenUSD that `usdchecker` runs (`pip install usd-core`). Prints a table; the exit status is 1
where a validator found an error or a warning. Hints and infos (an extension that the validator does not know, nodes
without a mesh) are counted and not judged.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from animcore.errors import AnimcoreError  # noqa: E402
from animcore.files import FORMATS  # noqa: E402
from animcore.files.animation_curves import FormatOptions  # noqa: E402
from animcore.files.export_and_verify import export  # noqa: E402
from animcore.motion import Motion  # noqa: E402

MODULES = ROOT / ".cache" / "validators"
PACKAGE = "gltf-validator@2.0.0-dev.3.10"
BAD = ("error", "warning")
_SEVERITIES = ("error", "warning", "info", "hint")
_SCRIPT = """
const [modules, path] = process.argv.slice(1);
const {createRequire} = require("module");
const validator = createRequire(modules + "/")("gltf-validator");
const bytes = new Uint8Array(require("fs").readFileSync(path));
validator.validateBytes(bytes, {maxIssues: 0}).then((report) => console.log(JSON.stringify(report.issues.messages)));
"""

Issue = tuple[str, str, str]  # severity, code, message


def main() -> int:
    """Write, validate and print; return 0 where nobody found fault."""
    parser = argparse.ArgumentParser(description="Judge freshly written files by the validators of their makers.")
    parser.add_argument("--install", action="store_true", help=f"first fetch {PACKAGE} from npm into .cache")
    if parser.parse_args().install:
        install()
    found_fault = False
    with tempfile.TemporaryDirectory() as folder:
        for name, judge, profile in (
            ("glb", "glTF", None),
            ("vrma", "glTF", "VRM"),
            ("vrma", "glTF", None),
            ("usd", "USD", None),
        ):
            reason = absence(judge)
            path = Path(folder) / f"take{FORMATS[name].suffix}"
            label = f"{name} ({profile})" if profile else name
            if reason:
                print(f"{label:12} not judged: {reason}")
                continue
            try:
                export(performance(), path, FORMATS[name], FormatOptions(profile=profile))
            except AnimcoreError as error:
                print(f"{label:12} not written: {error}")
                continue
            issues = JUDGES[judge](path)
            counts = Counter(severity for severity, _, _ in issues)
            print(f"{label:12} " + ", ".join(f"{counts[severity]} {severity}s" for severity in _SEVERITIES))
            for severity, code, message in issues:
                if severity in BAD:
                    found_fault = True
                    print(f"    {severity}: {code}: {message}")
    return int(found_fault)


def performance() -> Motion:
    """Two seconds at 23.976 frames a second in which everything moves."""
    generator = np.random.default_rng(0)
    turns = {name: generator.normal(size=(48, 3)).astype(np.float32) * 0.1 for name in ("neck_pose", "head_pose")}
    return Motion(
        Fraction(24000, 1001),
        arkit=generator.random((48, 52), np.float32),
        eye_pose=generator.normal(size=(48, 2, 3)).astype(np.float32) * 0.1,
        body_pose=generator.normal(size=(48, 55, 3)).astype(np.float32) * 0.1,
        translation=generator.normal(size=(48, 3)).astype(np.float32) * 0.1,
        **turns,
    )


def absence(judge: str) -> str:
    """Say why a validator cannot be asked here; empty where it can."""
    if judge == "USD":
        return "" if importlib.util.find_spec("pxr") else "usd-core is not installed"
    if shutil.which("node") is None:
        return "node is not installed"
    there = (MODULES / "node_modules" / "gltf-validator").is_dir()
    return "" if there else f"{PACKAGE.split('@')[0]} is not in {MODULES}; run this tool with --install"


def install() -> None:
    """Fetch the glTF validator from npm; leave the program with a sentence where that fails."""
    MODULES.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("validate_formats: npm is not installed.")
    line = [npm, "install", "--prefix", str(MODULES), "--no-audit", "--no-fund", PACKAGE]
    ran = subprocess.run(line, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"validate_formats: npm could not fetch {PACKAGE}: {ran.stderr.strip().splitlines()[-1:]}")


def gltf_issues(path: Path) -> list[Issue]:
    """What Khronos' validator says of a GLB."""
    ran = subprocess.run(
        ["node", "-e", _SCRIPT, str(MODULES), str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    return [
        (_SEVERITIES[one["severity"]], one["code"], f"{one['message']} ({one.get('pointer', '')})")
        for one in json.loads(ran.stdout)
    ]


def usd_issues(path: Path) -> list[Issue]:
    """What the validators of OpenUSD say of a stage; those of packages and physics find nothing to say of it."""
    from pxr import Usd, UsdValidation

    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    severity = {UsdValidation.ValidationErrorType.Error: "error", UsdValidation.ValidationErrorType.Warn: "warning"}
    return [
        (severity.get(one.GetType(), "info"), str(one.GetName()), one.GetMessage())
        for one in context.Validate(Usd.Stage.Open(str(path)))
    ]


JUDGES = {"glTF": gltf_issues, "USD": usd_issues}


if __name__ == "__main__":
    sys.exit(main())
