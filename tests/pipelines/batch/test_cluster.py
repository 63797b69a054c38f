"""Lines on a Ray cluster of two nodes on loopback, each in processes of its own, of which one is killed."""

from __future__ import annotations

from pathlib import Path

import batch_workers
import pytest

from animcore.errors import InputError
from animcore.pipelines.batch import ledger, run
from animcore.pipelines.batch.settings import BatchSettings
from animcore.pipelines.batch.workers import cluster as clusters
from animcore.pipelines.batch.workers.interface import WorkerOptions


class Told:
    def __init__(self, after=None):
        self.notes, self.count, self.after = [], 0, after

    def begin(self, lines, done):
        pass

    def line(self, record):
        self.count += 1
        if self.after is not None and self.count == 10:
            self.after()

    def note(self, sentence):
        self.notes.append(sentence)


def test_without_ray_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install '\.\[cluster\]'"):
        clusters.Cluster("ray://nowhere:1", WorkerOptions())


@pytest.mark.long
def test_a_node_that_is_killed_loses_no_line(voices, table, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(batch_workers.__file__).parent))  # for the processes of the nodes
    from ray.cluster_utils import Cluster

    voices("a")
    words = ["die once", *["slow"] * 60, "bad"]
    path = table(["id", "audio", "text"], *([f"line_{i}", "voices/a.wav", word] for i, word in enumerate(words)))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = nodes.add_node(num_cpus=1)
    try:
        options = WorkerOptions(solve=batch_workers.solve)
        told = Told(lambda: nodes.remove_node(second, allow_graceful=False))
        summary = run.run(
            BatchSettings(path, path.parent / "takes"),
            lambda: clusters.Cluster(nodes.address, options),
            lambda plan, _: plan.to_do,
            told,
        )
    finally:
        nodes.shutdown()
    errors = [record.error for record in ledger.read(path.parent / "takes") if record.error]
    assert (summary.done, errors) == (61, ["a.wav is not an audio file."])
    statuses = [record.status for record in ledger.read(path.parent / "takes")]
    assert statuses == ["done"] * 61 + ["failed"]
