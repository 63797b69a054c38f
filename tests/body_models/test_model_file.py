"""Model files in every way that people have them, damaged ones, and ones that are after something else."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animcore.body_models import model_file, safe_unpickler
from animcore.errors import InputError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def equal(found: dict, wanted: dict) -> None:
    for key in model_file.REQUIRED:
        np.testing.assert_array_equal(found[key], wanted[key], err_msg=key)


@pytest.fixture
def saved(tmp_path):
    """Write bytes or an object as a pickle; returns the path."""

    def write(content, name: str = "model.pkl", protocol: int = 2):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return path

    return write


@pytest.fixture
def chumpy():
    """A module that pickles as chumpy does: `Ch` with its array in `x`, `Select` from another one, a computation."""

    class Ch:
        def __init__(self, **state):
            self.__dict__.update(state)

        def __getstate__(self):
            return {**self.__dict__, "_dirty_vars": {"x"}, "_itr": None, "label": None}

    modules = {}
    places = (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select"), ("chumpy.ch_ops", "add"))
    for module, name in places:
        modules[module] = types.ModuleType(module)
        made = type(name, (Ch,), {"__module__": module})
        made.__qualname__ = name
        setattr(modules[module], name, made)
    modules["chumpy"] = types.ModuleType("chumpy")
    sys.modules.update(modules)
    yield types.SimpleNamespace(**{name: getattr(sys.modules[module], name) for module, name in places})
    for module in modules:
        del sys.modules[module]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pickles_of_every_protocol_give_the_arrays(small_head, saved, protocol):
    small_head["f"] = np.asfortranarray(small_head["f"].astype(">i4"))
    small_head["num_expression"] = np.float64(4.0)  # numpy's scalars have a way of their own
    read = model_file.read(saved(small_head | {"bs_type": "lrotmin", "info": {"a": [1, None]}}, protocol=protocol))
    equal(read.arrays, small_head)
    assert (read.kind, read.shape_count, read.expression_count) == ("flame", 10, 4)


def python2(arrays: dict, raw_of=None) -> bytes:
    """A pickle as Python 2 wrote it, by hand: copy_reg, numpy.core, strings of bytes in latin-1."""
    out = io.BytesIO()
    out.write(b"\x80\x02}(")
    for key, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        name, code = key.encode(), array.dtype.str[1:].encode()
        shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t"
        out.write(b"U" + bytes([len(name)]) + name)
        out.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R")
        out.write(b"(K\x01" + shape + b"cnumpy\ndtype\nU" + bytes([len(code)]) + code + b"K\x00K\x01\x87R")
        out.write(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        out.write(b"T" + struct.pack("<i", len(raw)) + raw + b"tb")
    out.write(b"u.")
    return out.getvalue()


def test_a_pickle_of_python_2(small_head, saved):
    equal(model_file.read(saved(python2(small_head))).arrays, small_head)


def test_arrays_wrapped_by_chumpy(small_head, saved, chumpy):
    whole = np.concatenate([small_head["shapedirs"], small_head["shapedirs"] * 0], 2)
    chosen = np.arange(whole.size).reshape(whole.shape)[:, :, :20].ravel()
    wrapped = small_head | {
        "v_template": chumpy.Ch(x=small_head["v_template"]),
        "weights": chumpy.Ch(x=small_head["weights"]),
        "shapedirs": chumpy.Select(a=chumpy.Ch(x=whole), idxs=chosen, preferred_shape=(40, 3, 20)),
        "v_posed": chumpy.add(a=1, b=2),  # not needed, and not computed
    }
    equal(model_file.read(saved(wrapped)).arrays, small_head)
    with pytest.raises(InputError, match=r"posedirs of model.pkl cannot be read as an array.*computation of chumpy"):
        model_file.read(saved(wrapped | {"posedirs": chumpy.add(b=1)}))


@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "csc_array"])
def test_sparse_matrices_of_scipy(small_head, saved, kind):
    sparse = pytest.importorskip("scipy.sparse")
    as_sparse = getattr(sparse, kind)(small_head["J_regressor"])
    equal(model_file.read(saved(small_head | {"J_regressor": as_sparse})).arrays, small_head)


def test_an_archive_with_parts_that_would_need_unpickling(small_head, tmp_path):
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, **small_head, joint2num=np.array({"pelvis": 0}, object))
    equal(model_file.read(path).arrays, small_head)


def test_the_kind_is_told_by_the_joints_and_the_edition_by_names(small_head, tmp_path, saved):
    assert model_file.read(saved(small_head)).named_by == "nothing"
    assert model_file.read(saved(small_head)).name == "flame"
    assert model_file.read(saved(small_head), "flame2023").named_by == "caller"
    for file, name in (("flame2023.pkl", "flame2023"), ("FLAME2023_no_jaw.pkl", "flame2023_no_jaw")):
        read = model_file.read(saved(small_head, file))
        assert (read.name, read.named_by) == (name, "file name")
    folder = tmp_path / "FLAME2020"
    folder.mkdir()
    read = model_file.read(saved(small_head, "FLAME2020/generic_model.pkl"))
    assert (read.name, read.named_by) == ("flame2020", "folder name")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": None}, "it has no weights"),
        ({"v_template": lambda a: a * np.nan}, "v_template .* not numbers"),
        ({"v_template": lambda a: a * 100}, "not in metres"),
        ({"f": lambda a: a + 40}, "faces"),
        ({"weights": lambda a: a * 2}, "do not sum to 1"),
        ({"posedirs": lambda a: a[:, :, :-1]}, r"posedirs of .* has the shape \(40, 3, 35\), not \(40, 3, 36\)"),
        ({"shapedirs": lambda a: a[:-1]}, "mixes two models"),
        ({"kintree_table": lambda a: a[:, ::-1]}, "parents"),
        ({"kintree_table": lambda a: np.zeros((2, 16))}, "MANO"),
        ({"kintree_table": lambda a: np.zeros((2, 7))}, "has 7 joints"),
        ({"weights": lambda a: np.array([["a"] * 5] * 40)}, "not numbers"),
        ({"f": lambda a: "nothing"}, "f of "),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_arrays_that_do_not_fit_are_said(small_head, saved, tmp_path, change, sentence, suffix):
    for key, changed in change.items():
        if changed is None:
            del small_head[key]
        else:
            small_head[key] = changed(small_head[key])
    path = tmp_path / f"model{suffix}"
    if suffix == ".npz":
        np.savez(path, **small_head)
    else:
        path = saved(small_head)
    with pytest.raises(InputError, match=sentence) as caught:
        model_file.read(path)
    assert path.name in str(caught.value)


def test_files_that_are_no_models(tmp_path, saved):
    with pytest.raises(InputError, match="There is no model file"):
        model_file.read(tmp_path / "absent.pkl")
    for content in (b"", b"PK", b"hello", b"\x80\x02]."):
        with pytest.raises(InputError, match=r"model\.pkl"):
            model_file.read(saved(content))


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


HOSTILE = {
    "os.system": Calls(os.system, "touch {marker}"),
    "eval": Calls(eval, "open('{marker}', 'w')"),
    "exec": Calls(exec, "open('{marker}', 'w')"),
    "popen": Calls(subprocess.Popen, ["touch", "{marker}"]),
    "getattr": Calls(getattr, Calls(__import__, "os"), "system"),
    "numpy's load": Calls(np.load, "{marker}"),
    "numpy's memmap": Calls(np.memmap, "{marker}", "uint8", "w+", 0, (4,)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", ["alone", "as a value", "within a state"])
def test_nothing_that_a_file_names_is_run(small_head, saved, tmp_path, name, protocol, place):
    marker = tmp_path / "it-ran"
    evil = HOSTILE[name]
    function, arguments = evil.call
    evil = Calls(function, *(a.format(marker=marker) if isinstance(a, str) else a for a in arguments))
    within = {"x": [({"a": evil},)]}
    content = {"alone": evil, "as a value": small_head | {"f": evil}, "within a state": small_head | within}
    with pytest.raises(InputError, match="which no model file needs"):
        model_file.read(saved(content[place], protocol=protocol))
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02ccopy_reg\n_reconstructor\ncos\nsystem\nN\x86R.",  # the system by way of a helper
        b"\x80\x02ccopy_reg\n_reconstructor\nc__builtin__\nset\nN\x86R.",
        b"\x80\x02cnumpy\nndarray\n}U\x05shapeK\x01sb.",  # an attribute set on a class
        b"\x80\x02}U\x01a]}U\x01xK\x01sbs.",  # and on a list
        b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",  # codecs load modules
    ],
)
def test_what_would_call_or_change_anything_is_refused(saved, content):
    with pytest.raises(InputError, match=r"model\.pkl asks for .* which no model file needs"):
        model_file.read(saved(content))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Pperson\n.",  # a persistent id
        b"\x80\x02\x82\x01.",  # the extension registry
        b"(S'touch it'\nios\nsystem\n.",  # INST
        b"\x80\x05\x97.",  # a buffer outside the file
        b"}r\xff\xff\xff\x7f.",  # a memo of 2^31 places
        b"\x8e\x00\xe4\x0bT\x02\x00\x00\x00short.",  # 10 GB of bytes claimed
        b"\x96\x00\xe4\x0bT\x02\x00\x00\x00short.",
        b"\x80\x04\x95\x00\xe4\x0bT\x02\x00\x00\x00.",  # a frame of 10 GB
    ],
)
def test_operations_and_sizes_that_no_model_needs(saved, content):
    with pytest.raises(InputError, match=r"model\.pkl (is cut off|.*has no v_template)"):
        model_file.read(saved(content))


def test_an_array_that_claims_ten_gigabytes(small_head, saved):
    claimed = python2(small_head).replace(struct.pack("<i", 40), struct.pack("<i", 40_000_000), 1)
    with pytest.raises(InputError, match=r"v_template of model\.pkl cannot be read as an array"):
        model_file.read(saved(claimed))
    sparse = pytest.importorskip("scipy.sparse").csc_matrix(small_head["J_regressor"])
    sparse._shape = (50_000, 40_000)
    with pytest.raises(InputError, match="50000 x 40000 is too large"):
        model_file.read(saved(small_head | {"J_regressor": sparse}))


def test_endless_nesting_ends_in_a_sentence(saved):
    """In a process of its own: what is prevented here would take the process with it."""
    tuples = b"\x80\x02}" + b"N" + b"\x85" * 2_000_000 + b"Ns."
    lists = b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b"."
    chain = b"\x80\x02}U\x01f" + b"cchumpy.ch\nCh\n)\x81}U\x01x" * 20_000 + b"N" + b"sb" * 20_000 + b"s."
    whole = b"\x80\x02}(" + b"".join(b"U" + bytes([len(key)]) + key.encode() + b"N" for key in model_file.REQUIRED)
    chain = whole + chain[3:-2] + b"u."
    for content in (tuples, lists, chain):
        script = (
            "import sys; from pathlib import Path\nfrom animcore.body_models import model_file\n"
            "from animcore.errors import InputError\n"
            "try: model_file.read(Path(sys.argv[1]))\nexcept InputError as error: print('said:', error)"
        )
        done = subprocess.run([sys.executable, "-c", script, str(saved(content))], capture_output=True, text=True)
        assert (done.returncode, done.stdout[:5]) == (0, "said:"), done.stderr[-500:]


def test_an_archive_that_unpacks_to_more_than_any_model(small_head, tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **small_head, posedirs2=np.zeros(1_000_000))
    monkeypatch.setattr(safe_unpickler, "LARGEST", 1_000_000)
    with pytest.raises(InputError, match="unpacks to"):
        model_file.read(path)


def test_a_pickle_within_an_archive_is_not_opened(small_head, tmp_path):
    marker = tmp_path / "it-ran"
    path = tmp_path / "model.npz"
    small_head["f"] = np.array([Calls(os.system, f"touch {marker}")], object)
    np.savez(path, **small_head)
    with pytest.raises(InputError, match=r"model\.npz is cut off or damaged"):
        model_file.read(path)
    assert not marker.exists()


def whole_files() -> dict[str, bytes]:
    """A tiny model as a pickle and as an archive."""
    rng = np.random.default_rng(0)
    arrays = {
        "v_template": rng.random((4, 3)), "shapedirs": rng.random((4, 3, 2)), "posedirs": np.zeros((4, 3, 36)),
        "J_regressor": np.full((5, 4), 0.25), "weights": np.full((4, 5), 0.2),
        "kintree_table": np.array([[-1, 0, 1, 1, 1], range(5)]), "f": np.array([[0, 1, 2]]),
    }  # fmt: skip
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    return {".pkl": pickle.dumps(arrays, 2), ".npz": archive.getvalue()}


WHOLE = whole_files()


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_and_changed_files_give_a_sentence_or_a_model(tmp_path, suffix, data):
    whole = WHOLE[suffix]
    cut = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.dictionaries(st.integers(0, len(whole) - 1), st.integers(0, 255), max_size=4))
    content = bytearray(whole if changed else whole[:cut])
    for place, value in changed.items():
        content[place] = value
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    try:
        keys, said = set(model_file.read(path).arrays), path.name
    except InputError as error:
        keys, said = set(model_file.REQUIRED), str(error)
    assert keys >= set(model_file.REQUIRED)
    assert path.name in said


def test_the_operations_are_those_of_pickletools():
    known = {code.name for code in pickletools.opcodes}
    assert set(safe_unpickler._OPERATIONS) <= known
    assert not {"PERSID", "BINPERSID", "EXT1", "INST", "OBJ", "NEXT_BUFFER", "NEWOBJ_EX"} & set(
        safe_unpickler._OPERATIONS
    )
