"""Pickled model files, read without running anything that stands in them.

The published FLAME, SMPL and SMPL-H files are pickles of Python 2 that hold numpy arrays, sparse matrices of scipy and
arrays wrapped by chumpy. A pickle is a program: it names functions and has them called. Here every name leads to an
inert stand-in of ours that keeps its arguments, any other name is refused, and the arrays are built afterwards from
their bytes, whose number must fit the shape. Neither scipy nor chumpy is needed.

The machine is Python's own in Python (`pickle._Unpickler`): the one in C reserves memory for whatever place a file
claims, and lets a file set attributes on any object.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.errors import BROKEN_FILE, InputError

LARGEST = 2_000_000_000  # bytes of a file; SMPL-X with 400 components has 0.6 GB
_MOST_CELLS = 50_000_000  # numbers that a sparse matrix may unfold to: 0.4 GB
_MOST_TUPLES = 5_000  # an array takes six; endless nesting would overflow the stack where one is hashed
_NUMBERS = re.compile(r"[biufc](?:1|2|4|8|16)|[SU]\d{1,4}")
_LATIN = ("latin1", "latin-1", "iso-8859-1")
_SPARSE = ("csc_matrix", "csr_matrix", "csc_array", "csr_array")

# What a data file needs; PERSID, EXT, INST, OBJ, DUP and buffers outside the file are not among it.
_OPERATIONS = (
    *("MARK", "STOP", "POP", "POP_MARK", "PROTO", "FRAME", "NONE", "NEWTRUE", "NEWFALSE"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ"),
)


def load(path: str | Path) -> dict[str, Any]:
    """Read a pickled dictionary; its values are turned into arrays by `array`.

    Raises:
        InputError: where the file is too large, broken, no dictionary, or names something that a model does not need.
    """
    path = Path(path)
    machine = _SafeUnpickler(io.BytesIO(reading.content(path, LARGEST)), encoding="latin1")
    try:
        content = machine.load()
    except _UnsafePickle as error:
        raise InputError(
            f"{path.name} asks for {error}, which no model file needs; it was not opened. Download it again from its "
            "makers' site, and do not open it with other programs."
        ) from error
    except BROKEN_FILE as error:
        raise InputError(
            f"{path.name} is cut off, damaged or no pickle ({type(error).__name__}); download it again."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name} is a pickle, but holds no dictionary of arrays as model files do.")
    return {str(name): value for name, value in content.items()}


def array(value: Any, what: str) -> NDArray[Any]:
    """Return the array that an entry of a file stands for; `what` names it in the sentence of the error.

    Raises:
        InputError: where it is none, or its parts do not fit together.
    """
    try:
        found = value.value() if isinstance(value, _StandIn) else np.asarray(value)
    except BROKEN_FILE as error:
        raise InputError(f"{what} cannot be read as an array: {error}; download the file again.") from error
    if not isinstance(found, np.ndarray) or found.dtype == object:
        raise InputError(f"{what} holds no array of numbers or names.")
    return found


class _UnsafePickle(Exception):
    """A name or an operation that is not on the list."""


class _StandIn:
    """Keeps what a file would have had done: the arguments of the call and the state set afterwards."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __new__(cls, *_arguments: Any) -> _StandIn:
        made = super().__new__(cls)
        made.arguments, made.state = (), None  # a file may ask for an object without its __init__
        return made

    def value(self) -> Any:
        """The array or the type that this stands for."""
        raise TypeError(f"a {type(self).__name__.strip('_').lower()} is not an array")


class _Type(_StandIn):
    """numpy.dtype: the kind and size as an argument, the byte order in the state."""

    def value(self) -> np.dtype[Any]:
        code = str(self.arguments[0])
        if not _NUMBERS.fullmatch(code):
            raise TypeError(f"it holds values of the kind {code!r}")
        order = str(self.state[1]) if self.state is not None else "|"
        return np.dtype(f"{order}{code}" if order in "<>=" else code)


class _Array(_StandIn):
    """numpy.core.multiarray._reconstruct: everything is in the state (version, shape, type, is Fortran, bytes)."""

    def value(self) -> NDArray[Any]:
        _version, shape, kind, is_fortran, raw = self.state
        return _filled(raw, kind, shape, "F" if is_fortran else "C")


class _Buffer(_StandIn):
    """numpy.core.numeric._frombuffer, as pickles of protocol 5 have it: bytes, type, shape, order."""

    def value(self) -> NDArray[Any]:
        raw, kind, shape, order = self.arguments
        return _filled(raw, kind, shape, order)


class _Scalar(_StandIn):
    """numpy.core.multiarray.scalar: type and bytes."""

    def value(self) -> NDArray[Any]:
        kind, raw = self.arguments
        return _filled(raw, kind, (), "C")


class _Sparse(_StandIn):
    """A matrix of scipy.sparse, by columns or by rows: the state is its dictionary."""

    by_rows = False

    def value(self) -> NDArray[Any]:
        rows, columns = (int(size) for size in self.state["_shape"])
        if rows * columns > _MOST_CELLS or min(rows, columns) < 0:
            raise ValueError(f"a sparse matrix of {rows} x {columns} is too large")
        data, indices, starts = (array(self.state[part], part) for part in ("data", "indices", "indptr"))
        lines, length = (rows, columns) if self.by_rows else (columns, rows)
        starts, indices = starts.astype(np.int64), indices.astype(np.int64)
        if len(starts) != lines + 1 or starts[0] or starts[-1] != len(data) or (np.diff(starts) < 0).any():
            raise ValueError("the lines of a sparse matrix do not fit its numbers")
        if len(indices) != len(data) or (len(data) and (indices.min() < 0 or indices.max() >= length)):
            raise ValueError("the places of a sparse matrix lie outside it")
        dense = np.zeros((lines, length), data.dtype)
        np.add.at(dense, (np.repeat(np.arange(lines), np.diff(starts)), indices), data)
        return dense if self.by_rows else np.ascontiguousarray(dense.T)


class _SparseRows(_Sparse):
    by_rows = True


class _Chumpy(_StandIn):
    """Any class of chumpy. `Ch` keeps its array in `x`; `Select` chooses from `a`, `Reshape` reshapes it."""

    def value(self) -> NDArray[Any]:
        if "x" in self.state:
            return array(self.state["x"], "x")
        if "a" not in self.state:
            raise TypeError("it is a computation of chumpy, not its result")
        whole = array(self.state["a"], "a")
        if "idxs" in self.state:
            whole = whole.ravel()[array(self.state["idxs"], "idxs")]
        shape = self.state.get("preferred_shape", self.state.get("newshape", whole.shape))
        reshaped: NDArray[Any] = whole.reshape(shape)
        return reshaped


def _filled(raw: Any, kind: Any, shape: Any, order: str) -> NDArray[Any]:
    """An array of its own memory from bytes (in Python 2 a string), which must be exactly as many as it takes."""
    data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
    flat = np.frombuffer(data, cast(_Type, kind).value()).copy()
    return flat.reshape(tuple(shape), order="F" if order == "F" else "C")


def _reconstructed(kind: Any, *_base: Any) -> Any:
    """copyreg._reconstructor: an object without its __init__."""
    if not (isinstance(kind, type) and issubclass(kind, _StandIn)):
        raise _UnsafePickle(f"an object of the kind {kind!r}")
    return kind()


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode, which Python 3 writes into old protocols for bytes; any other encoding would load a module."""
    if encoding not in _LATIN:
        raise _UnsafePickle(f"the encoding {encoding!r}")
    return text.encode("latin1")


_NAMES: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Buffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _StandIn,
    ("numpy", "dtype"): _Type,
    **{(module, "_reconstructor"): _reconstructed for module in ("copy_reg", "copyreg")},
    **{(module, "object"): _StandIn for module in ("__builtin__", "builtins")},
    **{(module, "set"): set for module in ("__builtin__", "builtins")},
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): _encoded,
}


class _SafeUnpickler(pickle._Unpickler):
    """Python's unpickler with a short list of operations and of names."""

    tuples = 0

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; nothing is imported."""
        if (module, name) in _NAMES:
            return _NAMES[module, name]
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _SparseRows if name.startswith("csr") else _Sparse
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        raise _UnsafePickle(f"{module}.{name}")


def _build(machine: Any) -> None:
    """BUILD: the state goes to our own objects alone."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if not isinstance(target, _StandIn):
        raise _UnsafePickle(f"a change of {type(target).__name__}")
    target.state = state


def _bytearray(machine: Any) -> None:
    """BYTEARRAY8, without reserving what the file claims."""
    size = int.from_bytes(machine.read(8), "little")
    machine.append(machine.read(size))


def _counted(operation: Callable[[Any], None]) -> Callable[[Any], None]:
    def counted(machine: Any) -> None:
        machine.tuples += 1
        if machine.tuples > _MOST_TUPLES:
            raise _UnsafePickle(f"more than {_MOST_TUPLES} tuples")
        operation(machine)

    return counted


def _dispatch() -> dict[int, Callable[[Any], None]]:
    """The operations by their codes."""
    whole = cast(dict[int, Callable[[Any], None]], pickle._Unpickler.dispatch)
    table = {}
    for name in _OPERATIONS:
        code = getattr(pickle, name)[0]
        table[code] = _counted(whole[code]) if "TUPLE" in name else whole[code]
    return table | {pickle.BUILD[0]: _build, pickle.BYTEARRAY8[0]: _bytearray}


_SafeUnpickler.dispatch = _dispatch()
