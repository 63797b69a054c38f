"""`report.html` with its data beside it, which opens from the disk, and `report.csv` for spreadsheets and servers."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.progress import Progress, silent
from animcore.core.shipped import shipped
from animcore.errors import AnimcoreError, InputError
from animcore.evaluation.lines.findings import QUALITY
from animcore.evaluation.review import conditions, details, head, rows, verdicts
from animcore.evaluation.review.rows import LABELS, ReviewLine
from animcore.pipelines.batch import ledger
from animcore.pipelines.batch.tables.rows import spreadsheet_safe

PAGE = shipped("assets/review")
FOLDER, HTML, CSV = "report", "report.html", "report.csv"
ASSETS = ("page.css", "page.js", "head.js", "drawing.js")
ROWS_AT_ONCE = 2000  # lines of the list in one file
DETAILS_AT_ONCE = 50  # lines whose details stand in one file
SHOWN, RENDERED = 1000, 60  # lines, the worst ones, that have details and images where not asked for otherwise
_FIGURES = (
    QUALITY, "closures", "teeth", "open_silence", "words", "fit", "extra_speech", "agreement", "lag", "jerk", "limit",
    "clipping", "noise", "hum", "music", "second_voice", "silence_ends", "cut", "loudness",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        page, table: `report.html` and `report.csv`.
        lines: how many lines there are.
        faulty: how many of them have a fault.
        failures: the conditions that are met, each with the names of the lines that meet it.
    """

    page: Path
    table: Path
    lines: int
    faulty: int
    failures: tuple[tuple[str, tuple[str, ...]], ...] = ()


def report(
    folder: str | Path,
    fail_on: Sequence[str] = (),
    shown: int | None = SHOWN,
    rendered: int = RENDERED,
    head_path: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Write the report on a batch.

    Args:
        folder: of the batch.
        fail_on: conditions such as `closures<0.9`.
        shown: how many of the worst lines have waveform, words, curves and the moving head; None for all.
        rendered: how many of the worst lines have an image of their worst instant for browsers without WebGL.
        head_path: the user's own head, in the place of the default one.
        progress: called with the fraction done.

    Raises:
        InputError: where the folder holds no batch, a condition is none, or a file cannot be written.
    """
    folder = Path(folder)
    wanted = conditions.parse(fail_on)
    mesh = head.load(head_path)
    lines = rows.review_lines(ledger.read(folder))
    said = verdicts.load(folder)
    target = folder / FOLDER
    _clear(target)
    shown_lines = lines if shown is None else lines[:shown]
    for name in ASSETS:
        shutil.copyfile(PAGE / name, target / name)
    _write(target / "head-data.js", f"animcore.head({_json(head.payload(mesh))});\n")
    for number, part in enumerate(_parts(lines, ROWS_AT_ONCE)):
        _write(target / f"rows-{number}.js", rows_script(number, part, folder))
    for number, part in enumerate(_parts(shown_lines, DETAILS_AT_ONCE)):
        progress(number * DETAILS_AT_ONCE / max(len(shown_lines), 1), "details")
        _write(target / f"details-{number}.js", details_script(number * DETAILS_AT_ONCE, part))
    images = _images(lines[:rendered], target, mesh)
    _write(target / "config.js", config_script(folder, lines, said, len(shown_lines), images))
    _write(folder / HTML, (PAGE / "page.html").read_text(encoding="utf-8"))
    _table(lines, said, folder / CSV)
    redo = sum(one.verdict == verdicts.REDO for one in said.values())
    met = conditions.failures(wanted, lines, redo)
    faulty = sum(bool(line.reason) for line in lines)
    failures = tuple((text, tuple(names)) for text, names in met)
    return Report(folder / HTML, folder / CSV, len(lines), faulty, failures)


def _clear(target: Path) -> None:
    """Make the folder of the report; files of an earlier one that had more lines go."""
    make_folder(target)
    for pattern in ("rows-*.js", "details-*.js", "image-*.png"):
        for path in target.glob(pattern):
            path.unlink()


def _parts(lines: Sequence[ReviewLine], size: int) -> Iterable[Sequence[ReviewLine]]:
    return (lines[first : first + size] for first in range(0, len(lines), size))


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _json(values: Any) -> str:
    """JSON that may stand in a script: no `</script>`, and none of the line ends that only JavaScript knows."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def rows_script(number: int, part: Sequence[ReviewLine], folder: Path) -> str:
    """Return the script of one file of the list."""
    return f"animcore.rows({number},{_json([rows.listed(line, folder) for line in part])});\n"


def details_script(first: int, part: Sequence[ReviewLine]) -> str:
    """Return the script of the details of some lines, the first of which has this place in the list."""
    return f"animcore.details({first},{_json([details.detail(line) for line in part])});\n"


def config_script(
    folder: Path,
    lines: Sequence[ReviewLine],
    said: dict[str, verdicts.Verdict],
    shown: int,
    images: Sequence[int],
    *,
    is_live: bool = False,
) -> str:
    """Return the script that says what there is, which is read before all others."""
    places = {line.record.name: place for place, line in enumerate(lines)}
    known = [[places[name], one.verdict, one.note] for name, one in said.items() if name in places]
    config = {
        "live": is_live,
        "title": folder.resolve().name,
        "count": len(lines),
        "rowsAtOnce": ROWS_AT_ONCE,
        "detailsAtOnce": 1 if is_live else DETAILS_AT_ONCE,
        "shown": shown,
        "images": list(images),
        "kinds": [[kind, label] for kind, label in LABELS.items()],
        "verdicts": known,
    }
    return f"animcore.config({_json(config)});\n"


def _images(lines: Sequence[ReviewLine], target: Path, mesh: Any) -> list[int]:
    """Render the worst instant of lines; returns the places of those that have one."""
    made = []
    for place, line in enumerate(lines):
        if line.record.motion is None:
            continue
        try:
            content = head.image(line.record.motion, line.worst, mesh)
        except (AnimcoreError, OSError):
            continue  # the page says of this line what cannot be read
        with whole_file(target / f"image-{place}.png") as temporary:
            temporary.write_bytes(content)
        made.append(place)
    return made


def _table(lines: Sequence[ReviewLine], said: dict[str, verdicts.Verdict], path: Path) -> None:
    """Write `report.csv`, the worst line first."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["name", "id", "language", "speaker", "status", "reason", "findings", "worst_second", "seconds",
                         *_FIGURES, "verdict", "note", "row", "text"])  # fmt: skip
        for line in lines:
            writer.writerow([spreadsheet_safe(str(cell)) for cell in _cells(line, said.get(line.record.name))])


def _cells(line: ReviewLine, said: verdicts.Verdict | None) -> list[str]:
    record = line.record
    values = {**record.scores, QUALITY: line.quality}
    figures = [f"{values[name]:.4g}" if name in values else "" for name in _FIGURES]
    verdict, note = (said.verdict, said.note) if said is not None else ("", "")
    return [record.name, record.id, record.language, record.speaker, record.status, line.reason, " ".join(line.kinds),
            f"{line.worst:.2f}", f"{record.seconds_audio:.2f}", *figures, verdict, note, str(record.row),
            record.text]  # fmt: skip


def check_page() -> None:
    """Check that the page's files are there.

    Raises:
        InputError: where one is missing.
    """
    for name in ("page.html", *ASSETS):
        if not (PAGE / name).is_file():
            raise InputError(f"{PAGE / name} is missing; install Animcore again.")
