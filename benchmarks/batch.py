"""Batches of thousands of lines: time, processor and memory, what a changed cell costs, and what kills do.

    python benchmarks/batch.py --lines 5000
    python benchmarks/figures.py run batch.py --lines 5000

The lines are made on the spot with espeak-ng (six languages) and flite (four voices), 1 to 8 s each, in `--folder`. A
benchmark that was stopped goes on where it was: lines that are made are kept, and so is every figure (`figures.json`).
The machine must have nothing else to do.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from animcore.pipelines.batch import ledger, recordings

# Parts of sentences, so that no two lines are equal.
WORDS = {
    "en": (["The captain", "My brother", "Nobody here", "The old miller", "Your friend"],
           ["opens the gate", "believes the story", "paid for the bread", "left before the morning", "saw the fire"],
           ["and keeps quiet about it.", "because of the storm.", "with both hands.", "for the last time, I hope."]),
    "de": (["Der Hauptmann", "Mein Bruder", "Niemand hier", "Die alte Müllerin"],
           ["öffnet das Tor", "glaubt die Geschichte", "bezahlt das Brot", "ging vor dem Morgen"],
           ["und schweigt darüber.", "wegen des Sturms.", "mit beiden Händen.", "zum letzten Mal, hoffe ich."]),
    "fr": (["Le capitaine", "Mon frère", "Personne ici", "La vieille meunière"],
           ["ouvre la porte", "croit cette histoire", "a payé le pain", "est parti avant le matin"],
           ["et n'en parle pas.", "à cause de la tempête.", "des deux mains.", "pour la dernière fois."]),
    "es": (["El capitán", "Mi hermano", "Nadie aquí", "La vieja molinera"],
           ["abre la puerta", "cree la historia", "pagó el pan", "se fue antes del alba"],
           ["y no dice nada.", "por la tormenta.", "con las dos manos.", "por última vez."]),
    "it": (["Il capitano", "Mio fratello", "Nessuno qui", "La vecchia mugnaia"],
           ["apre la porta", "crede alla storia", "ha pagato il pane", "è partito prima dell'alba"],
           ["e non dice niente.", "per la tempesta.", "con tutte e due le mani.", "per l'ultima volta."]),
    "pl": (["Kapitan", "Mój brat", "Nikt tutaj", "Stara młynarka"],
           ["otwiera bramę", "wierzy w tę historię", "zapłacił za chleb", "odszedł przed świtem"],
           ["i milczy o tym.", "przez tę burzę.", "obiema rękami.", "po raz ostatni."]),
}  # fmt: skip
FLITE = ("slt", "kal", "rms", "awb")
COMMAND = [sys.executable, "-m", "animcore"]


def make_lines(folder: Path, count: int) -> Path:
    """Make `count` recordings and their table; what is there already is kept."""
    (folder / "vo").mkdir(parents=True, exist_ok=True)
    chance = random.Random(19)
    rows, jobs = [], []
    for index in range(count):
        language = list(WORDS)[index % len(WORDS)]
        said = " ".join(" ".join(map(chance.choice, WORDS[language])) for _ in range(chance.choice((1, 1, 1, 2))))
        speed, is_flite = chance.randint(130, 200), language == "en" and index % 2 == 0
        voice = FLITE[index // 2 % len(FLITE)] if is_flite else language
        rows.append([f"line_{index:05d}", f"vo/line_{index:05d}.wav", said, language, f"{voice}"])
        jobs.append((folder / rows[-1][1], said, voice, speed, is_flite))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda job: _speak(*job), jobs))
    table = folder / "lines.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["id", "audio", "text", "language", "speaker"], *rows])
    return table


def _speak(path: Path, text: str, voice: str, speed: int, is_flite: bool) -> None:
    if path.exists():
        return
    part = path.with_suffix(".part.wav")
    if is_flite:
        command = [
            "flite",
            "-voice",
            voice,
            "--setf",
            f"duration_stretch={165 / speed:.2f}",
            "-t",
            text,
            "-o",
            str(part),
        ]
    else:
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(part), text]
    subprocess.run(command, check=True, capture_output=True)
    part.replace(path)


def part_of(table: Path, name: str, count: int) -> Path:
    """Write a table of every n-th line, so that all languages are in it; returns it."""
    with table.open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    path = table.with_name(f"{name}.csv")
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows[:: max(1, len(rows) // count)][:count]])
    return path


class Used:
    """Wall and processor seconds of commands, and the memory of what they start."""

    def __init__(self) -> None:
        self.wall = self.cpu = self.first = self.began = 0.0
        self.memory: list[tuple[float, int]] = []  # seconds, bytes of the largest process


def run(arguments: list[str], watch: Callable[[subprocess.Popen[str]], None] | None = None) -> Used:
    """Run a command of Animcore and measure it."""
    used, before, begin = Used(), _children(), time.perf_counter()
    used.began = time.time()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sampler = threading.Thread(target=_sample, args=(process, used, begin), daemon=True)
    sampler.start()
    if watch is not None:
        watch(process)
    assert process.stdout is not None
    process.stdout.readline()
    used.first = time.perf_counter() - begin
    said = process.stdout.read()
    if process.wait() not in (0, -signal.SIGKILL):
        sys.exit(f"{' '.join(arguments)} failed:\n{said}")
    used.wall, used.cpu = time.perf_counter() - begin, _children() - before
    return used


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def descendants(process: int) -> list[int]:
    """Return the processes that a process started, and theirs."""
    found = []
    with contextlib.suppress(OSError):
        for one in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            found += [int(one), *descendants(int(one))]
    return found


def _sample(process: subprocess.Popen[str], used: Used, begin: float) -> None:
    while process.poll() is None:
        held = []
        for one in descendants(process.pid):
            with contextlib.suppress(OSError):
                held.append(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        used.memory.append((time.perf_counter() - begin, max(held, default=0)))
        time.sleep(0.5)


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of every motion and file of a batch, by path."""
    kept = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != "ledger")
    kept = (path for path in kept if path.name not in ("batch.json", ".batch.lock"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def start_and_speed(table: Path, folder: Path, lines: int) -> Iterator[str]:
    """One process and two on the same lines, beside `generate` on the same recordings."""
    part = part_of(table, "part", lines)
    with part.open(newline="", encoding="utf-8") as handle:
        files = [str(table.parent / row["audio"]) for row in csv.DictReader(handle)]
    audio = sum(recordings.seconds_of(Path(one)) for one in files)
    common = ["batch", "run", str(part), "--format", "livelink"]
    used = {}
    for name, more in {
        "1": ["--jobs", "1"],
        "2": ["--jobs", "2"],
        "2 no scores": ["--jobs", "2", "--no-scores"],
    }.items():
        out = folder / f"speed {name}"
        shutil.rmtree(out, ignore_errors=True)
        used[name] = run([*common, "--out", str(out), *more])
    shutil.rmtree(folder / "generated", ignore_errors=True)
    plain = run(["generate", *files, "--out", str(folder / "generated"), "--format", "livelink,npz"])
    yield f"{lines} lines, {audio:.0f} s of audio, as Live Link Face CSV and motion"
    entries = ledger.Ledger(folder / "speed 2").entries.values()
    first = min((entry for entry in entries if entry.record.status == "done"), key=lambda entry: entry.at)
    yield (f"start: {used['2'].first:.2f} s from the command to the first line that is given to a worker, "
           f"{first.at - used['2'].began:.2f} s to the first that is done")  # fmt: skip
    for name, one in used.items():
        yield (f"batch, processes {name}: {one.wall:.1f} s, {audio / one.wall:.1f}x real time, "
               f"{one.cpu / audio:.3f} s of CPU a second of audio")  # fmt: skip
    yield f"parallel efficiency on 2 processes: {used['1'].wall / (2 * used['2'].wall):.2f}"
    yield f"generate, no transcript: {plain.wall:.1f} s, {plain.cpu / audio:.3f} s of CPU a second of audio"


def all_lines(table: Path, folder: Path, lines: int) -> Iterator[str]:
    """All lines on two processes: time, and memory over it."""
    out = folder / "all"
    before = {one.name for one in ledger.read(out) if one.status == "done"} if (out / "batch.json").exists() else set()
    used = run(["batch", "run", str(table), "--out", str(out), "--format", "livelink", "--jobs", "2"])
    done = [one for one in ledger.read(out) if one.status == "done" and one.name not in before]
    audio = sum(one.seconds_audio for one in done)
    yield (f"all: {len(done)} lines, {audio / 60:.0f} min of audio in {used.wall / 60:.1f} min on 2 processes "
           f"({audio / used.wall:.1f}x real time, {used.cpu / audio:.3f} s of CPU a second)")  # fmt: skip
    ends = [used.wall * share for share in (0.1, 0.25, 0.5, 0.75, 1.0)]
    parts = zip([used.wall * 0.05, *ends], ends, strict=False)
    held = [max((size for at, size in used.memory if first <= at <= last), default=0) for first, last in parts]
    yield "memory of the largest worker, MB, by tenth, quarter, half, three quarters and end: " + ", ".join(
        f"{size / 1e6:.0f}" for size in held
    )
    sizes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    yield f"{sizes / 1e6:.0f} MB of files, {sizes / max(audio, 1) / 1e3:.0f} kB a second; ledger " + ", ".join(
        f"{path.stat().st_size / 1e6:.1f} MB" for path in (out / "ledger").iterdir()
    )


def changed_cell(table: Path, folder: Path, lines: int) -> Iterator[str]:
    """A table of all lines in which one cell is another; a run that has nothing to do; a plan."""
    out = folder / "all"
    text = table.read_text(encoding="utf-8")
    common = ["--out", str(out), "--format", "livelink", "--jobs", "2"]
    changed = text.splitlines()
    cells = next(csv.reader([changed[-1]]))
    cells[2] = f"{cells[2]} Indeed."
    changed[-1] = ",".join(f'"{cell}"' for cell in cells)
    try:
        table.write_text("\n".join(changed) + "\n", encoding="utf-8")
        one = run(["batch", "run", str(table), *common])
        done = ledger.read(out)[-1]
        assert done.text.endswith("Indeed.")
    finally:
        table.write_text(text, encoding="utf-8")
    run(["batch", "run", str(table), *common])
    nothing = run(["batch", "run", str(table), *common])
    planned = run(["batch", "plan", str(table), *common])
    yield f"one changed cell of {lines} lines: {one.wall:.2f} s; nothing to do: {nothing.wall:.2f} s"
    yield f"plan of {lines} lines: {planned.wall:.2f} s"


def kills(table: Path, folder: Path, lines: int, count: int) -> Iterator[str]:
    """Driver and workers killed in turn at random moments; what comes out is compared with a run left in peace."""
    part = part_of(table, "kills", lines)
    for name in ("killed", "peace"):
        shutil.rmtree(folder / name, ignore_errors=True)
    common = ["batch", "run", str(part), "--format", "livelink", "--jobs", "2", "--out"]
    run([*common, str(folder / "peace")])
    chance = random.Random(7)
    for kill in range(count):

        def end(process: subprocess.Popen[str], kill: int = kill) -> None:
            time.sleep(chance.uniform(1.0, 9.0))
            workers = descendants(process.pid)
            victim = chance.choice(workers) if kill % 2 and workers else process.pid
            with contextlib.suppress(OSError):
                os.kill(victim, signal.SIGKILL)
            if victim != process.pid:
                time.sleep(1.5)
                process.kill()

        run([*common, str(folder / "killed")], end)
    run([*common, str(folder / "killed")])
    wanted, found = digests(folder / "peace"), digests(folder / "killed")
    records = ledger.read(folder / "killed")
    others = sum(wanted.get(name) != value for name, value in found.items())
    yield (f"{count} kills over {lines} lines: {sum(one.status == 'done' for one in records)} done, "
           f"{len(found)} files, {others} other than in peace, "
           f"{len(wanted.keys() - found.keys())} missing")  # fmt: skip


def rhubarb(table: Path, folder: Path, lines: int) -> Iterator[str]:
    """Rhubarb Lip Sync on the same recordings, two at once, where it is installed."""
    if shutil.which("rhubarb") is None:
        yield "Rhubarb is not installed here: not compared"
        return
    part = part_of(table, "part", lines)
    with part.open(newline="", encoding="utf-8") as handle:
        files = "\0".join(str(table.parent / row["audio"]) for row in csv.DictReader(handle))
    begin = time.perf_counter()
    subprocess.run(["xargs", "-0", "-P", "2", "-n", "1", "rhubarb", "-q", "-r", "phonetic"], input=files, text=True,
                   check=True, capture_output=True)  # fmt: skip
    yield f"Rhubarb with xargs -P 2: {time.perf_counter() - begin:.1f} s"


def main() -> None:
    """Measure everything, and keep each figure as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/animcore-batch"))
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    folder = options.folder / str(options.lines)
    folder.mkdir(parents=True, exist_ok=True)
    kept_at = folder / "figures.json"
    kept: dict[str, list[str]] = json.loads(kept_at.read_text()) if kept_at.exists() else {}
    table = make_lines(folder, options.lines)
    few = min(options.lines, max(60, options.lines // 20))
    stages: dict[str, Callable[[], Iterator[str]]] = {
        "speed": lambda: start_and_speed(table, folder, few),
        "all": lambda: all_lines(table, folder, options.lines),
        "changed": lambda: changed_cell(table, folder, options.lines),
        "kills": lambda: kills(table, folder, min(few, 120), options.kills),
        "rhubarb": lambda: rhubarb(table, folder, few),
    }
    for name, stage in stages.items():
        if name not in kept:
            kept[name] = list(stage())
            kept_at.write_text(json.dumps(kept, indent=1))
        print("\n".join(kept[name]), flush=True)


if __name__ == "__main__":
    main()
