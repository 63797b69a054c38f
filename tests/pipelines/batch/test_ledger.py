"""What is kept of each line survives kills, full disks and other writers."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import pytest

from animcore.errors import InputError
from animcore.pipelines.batch import ledger
from animcore.pipelines.batch.folder_lock import locked
from animcore.pipelines.batch.ledger import Entry, Ledger
from animcore.pipelines.batch.records import LineRecord


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "takes"
    made.mkdir()
    ledger.write_header(made, {"id": "x"})
    return made


def record(folder, name, row=2, **more):
    return LineRecord(name, name.rpartition("/")[2], row, folder.parent / "vo" / f"{name}.wav", **more)


def test_records_come_back_as_they_were_in_the_order_of_the_table(folder):
    full = record(
        folder, "fr/a", 3, text="Où?", status="done", key="k", motion=folder / "fr/a.motion.npz",
        files={"npz": folder / "fr/a.motion.npz"}, seconds_audio=1.5, scores={"lag": 0.25},
        findings=[{"name": "lag", "at": 0.5}], warnings=["clipped"], carried={"Scene": "1"}, shared="en/a",
    )  # fmt: skip
    first = record(folder, "en/a", 2)
    book = Ledger(folder)
    book.append(Entry(full, {"text": "1"}, (3, 4)))
    book.append(Entry(first))
    assert ledger.read(folder) == [first, full]
    assert Ledger(folder).entries["fr/a"].stamp == (3, 4)


def test_a_batch_may_move_with_its_recordings(folder, tmp_path):
    Ledger(folder).append(Entry(record(folder, "a", files={"npz": folder / "a.motion.npz"})))
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "takes")
    (found,) = ledger.read(moved)
    assert found.audio == moved.parent / "vo" / "a.wav"
    assert found.files == {"npz": moved / "a.motion.npz"}


@pytest.mark.parametrize("cut", [2, 40, 200])
def test_a_line_that_a_kill_cut_is_passed_over_and_the_next_is_whole(folder, cut):
    book = Ledger(folder)
    for name in ("a", "b"):
        book.append(Entry(record(folder, name)))
    book.close()
    path = folder / "ledger" / "lines.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one.name for one in ledger.read(folder)] == ["a"]
    Ledger(folder).append(Entry(record(folder, "c", 4)))
    assert [one.name for one in ledger.read(folder)] == ["a", "c"]


def test_several_writers_have_a_file_each_and_the_last_word_counts(folder):
    Ledger(folder, "part-1.jsonl").append(Entry(record(folder, "a", status="failed", error="x")))
    Ledger(folder, "part-2.jsonl").append(Entry(record(folder, "a", status="done")))
    assert ledger.read(folder)[0].status == "done"
    book = Ledger(folder)
    book.compact()
    assert [path.name for path in (folder / "ledger").iterdir()] == ["lines.jsonl"]
    assert ledger.read(folder)[0].status == "done"


def test_a_full_disk_loses_nothing_that_can_still_be_written_later(folder, monkeypatch):
    book = Ledger(folder)
    book.append(Entry(record(folder, "a")))
    with monkeypatch.context() as patch:
        patch.setattr(ledger.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        with pytest.raises(InputError, match="disk is full"):
            book.append(Entry(record(folder, "b", 3)))
    book.append(Entry(record(folder, "c", 4)))
    assert [one.name for one in ledger.read(folder)] == ["a", "b", "c"]


def test_rows_that_are_gone_are_not_read(folder):
    book = Ledger(folder)
    entry = Entry(record(folder, "a"))
    book.append(entry)
    book.append(replace(entry, is_removed=True))
    assert ledger.read(folder) == []


def test_a_folder_without_a_batch_or_with_one_of_a_later_version(folder, tmp_path):
    with pytest.raises(InputError, match="holds no batch"):
        ledger.read(tmp_path)
    (folder / "batch.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(InputError, match="update Animcore"):
        ledger.read(folder)


def test_a_second_run_is_told_who_works_in_the_folder(folder):
    with locked(folder), pytest.raises(InputError, match=r"is being worked on by process \d+ on"), locked(folder):
        pass
    with locked(folder):
        pass
