"""Types for Blender's API where its stubs (`fake-bpy-module`) have none: a plugin of mypy.

It does three things, and nothing at run time:

- A property is declared as `strength: bpy.props.FloatProperty(...)`, an annotation that is a call. It is typed as the
  value that Blender puts there: float, str, set[str] for a flag, the class of a pointer, a collection of its class.
- What Blender guarantees and its stubs do not say: `Context.scene` is not None where add-ons run.
- What the stubs have wrong or leave out: functions that return something, constructors that take something.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from mypy import fastparse
from mypy.errors import Errors
from mypy.nodes import ArgKind, AssignmentStmt, ClassDef, Decorator, FuncDef, NameExpr, Statement
from mypy.plugin import (
    AttributeContext,
    CheckerPluginInterface,
    ClassDefContext,
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
)
from mypy.semanal import SemanticAnalyzer
from mypy.types import (
    AnyType,
    FunctionLike,
    Instance,
    NoneType,
    RawExpressionType,
    Type,
    TypeOfAny,
    UnboundType,
    UnionType,
    get_proper_type,
)

_VALUES = {"BoolProperty": "bool", "FloatProperty": "float", "IntProperty": "int", "StringProperty": "str"}
_COLLECTION = "bpy.types.bpy_prop_collection_idprop"

# Blender sets these before any operator, panel or handler of an add-on runs, with a window and without; the parts of a
# scene, of a dependency graph and of a window are always there.
_NEVER_NONE = {
    "bpy.types.AddonPreferences.layout",
    "bpy.types.Context.collection",
    "bpy.types.Context.preferences",
    "bpy.types.Context.scene",
    "bpy.types.Context.view_layer",
    "bpy.types.Context.window_manager",
    "bpy.types.Depsgraph.scene",
    "bpy.types.Depsgraph.view_layer",
    "bpy.types.DepsgraphObjectInstance.object",
    "bpy.types.Image.colorspace_settings",
    "bpy.types.NodeLink.from_node",
    "bpy.types.NodeLink.to_socket",
    "bpy.types.NodeSocket.links",
    "bpy.types.ID.original",
    "bpy.types.Panel.layout",
    "bpy.types.Scene.collection",
    "bpy.types.Scene.cycles",
    "bpy.types.Scene.display_settings",
    "bpy.types.Scene.eevee",
    "bpy.types.Scene.render",
    "bpy.types.Scene.view_settings",
    "bpy.types.UIList.layout",
    "bpy.types.Window.screen",
}

# Attributes whose stubs have another type: engines and color spaces come at run time, and pixels are an array.
_ATTRIBUTES = {
    "bpy.types.ColorManagedInputColorspaceSettings.name": ("builtins.str",),
    "bpy.types.ColorManagedViewSettings.look": ("builtins.str",),
    "bpy.types.ColorManagedViewSettings.view_transform": ("builtins.str",),
    "bpy.types.Image.pixels": ("bpy.types.bpy_prop_array", "builtins.float"),
    "bpy.types.RenderPass.rect": ("bpy.types.bpy_prop_array", "builtins.float"),
    "bpy.types.RenderSettings.engine": ("builtins.str",),
}

# The stubs of these say None; the manual says what they return.
_RETURNS = {
    "bpy.app.is_job_running": ("builtins.bool",),
    "bpy.app.translations.pgettext_iface": ("builtins.str",),
    "gpu.matrix.push_pop": ("contextlib.nullcontext", "builtins.object"),
    "bpy.types.BlendDataLibraries.load": ("contextlib.nullcontext", "Any"),
    "gpu.types.GPUFrameBuffer.bind": ("contextlib.nullcontext", "builtins.object"),
    "gpu.types.GPUOffScreen.bind": ("contextlib.nullcontext", "builtins.object"),
    **{
        f"bpy.props.{name}": ("builtins.object",)
        for name in (*_VALUES, "EnumProperty", "PointerProperty", "CollectionProperty")
    },
}

# What these take is not in their stubs, or not all of it: classes of the module `gpu` are made in C.
_ANY_ARGUMENTS = {
    "gpu.types.Buffer",
    "gpu.types.GPUBatch",
    "gpu.types.GPUFrameBuffer",
    "gpu.types.GPUStageInterfaceInfo",
    "gpu.types.GPUTexture",
    "gpu.types.GPUVertBuf",
    "gpu.types.GPUVertBuf.attr_fill",
}

# What the stubs leave out of a class or have wrong, in the words of a stub.
_ADDED = {
    "bpy.ops._BPyOpsSubModOp": "@classmethod\ndef poll(cls, context: str = ..., /) -> bool: ...",
    "bpy.types.bpy_struct": "def __contains__(self, key: str) -> bool: ...",
    "bpy.types.ID": "@property\ndef animation_data(self) -> AnimData | None: ...",  # every kind that curves can move
    "bpy.types.NodeSocket": "default_value: typing.Any",  # sockets of numbers, colours and vectors
    **{
        f"mathutils.{name}": f"def __iter__(self) -> collections.abc.Iterator[{item}]: ..."
        for name, item in (
            ("Color", "float"),
            ("Euler", "float"),
            ("Matrix", "Vector"),
            ("Quaternion", "float"),
            ("Vector", "float"),
        )
    },
}


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin, as mypy asks for it."""
    return BlenderPlugin


class BlenderPlugin(Plugin):
    """The hooks; mypy asks for one by the full name of what it looks at."""

    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Type the properties of the extension's classes, before mypy reads their bodies; add what stubs leave out."""
        if fullname in _ADDED:
            return _add
        return _type_properties if fullname.startswith("blender_addon.") else None

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Take None out of what Blender always sets."""
        if fullname in _ATTRIBUTES:
            return lambda context: _named(context.api, _ATTRIBUTES[fullname])
        return _without_none if fullname in _NEVER_NONE else None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Return what the function returns."""
        known = _RETURNS.get(fullname)
        return (lambda context: _named(context.api, known)) if known else None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Return the item's class from the methods of collections."""
        known = _RETURNS.get(fullname)
        if known:
            return lambda context: _named(context.api, known)
        return {
            "bpy.types.bpy_prop_collection.get": _item_or_none,
            "bpy.types.bpy_prop_collection.values": _items,
        }.get(fullname)

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """Let constructors take what they are given."""
        return _any_arguments if fullname in _ANY_ARGUMENTS else None

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Let methods take what they are given."""
        return _any_arguments if fullname in _ANY_ARGUMENTS else None


def _named(api: CheckerPluginInterface, names: tuple[str, ...]) -> Type:
    """Return a class by its full name, with those that follow as its arguments."""
    arguments = [
        AnyType(TypeOfAny.explicit) if name == "Any" else api.named_generic_type(name, []) for name in names[1:]
    ]
    return api.named_generic_type(names[0], arguments)


def _any_arguments(context: FunctionSigContext | MethodSigContext) -> FunctionLike:
    anything = AnyType(TypeOfAny.explicit)
    return context.default_signature.copy_modified(
        arg_types=[anything, anything], arg_kinds=[ArgKind.ARG_STAR, ArgKind.ARG_STAR2], arg_names=[None, None]
    )


_amended: dict[str, ClassDef] = {}  # mypy looks at a class more than once; each is amended once


def _add(context: ClassDefContext) -> None:
    """Put what is left out of a class into its stub."""
    cls = context.cls
    if _amended.get(cls.fullname) is cls or not isinstance(context.api, SemanticAnalyzer):
        return
    _amended[cls.fullname] = cls
    module, options = context.api.cur_mod_node, context.api.options
    text = _ADDED[cls.fullname]
    tree = fastparse.parse(text, fnam=module.path, module=module.fullname, errors=Errors(options), options=options)
    names = {_name(statement) for statement in tree.defs} - {None}
    cls.defs.body[:] = [*tree.defs, *(old for old in cls.defs.body if _name(old) not in names)]


def _name(statement: Statement) -> str | None:
    """The name of a function, with decorators or without; None for other statements."""
    return statement.name if isinstance(statement, (FuncDef, Decorator)) else None


def _without_none(context: AttributeContext) -> Type:
    found = get_proper_type(context.default_attr_type)
    if not isinstance(found, UnionType):
        return found
    return UnionType.make_union([item for item in found.items if not isinstance(get_proper_type(item), NoneType)])


def _item(context: MethodContext) -> Type:
    owner = get_proper_type(context.type)
    while isinstance(owner, Instance) and not owner.args and owner.type.bases:
        owner = owner.type.bases[0]
    return owner.args[0] if isinstance(owner, Instance) and owner.args else AnyType(TypeOfAny.from_error)


def _item_or_none(context: MethodContext) -> Type:
    return UnionType.make_union([_item(context), NoneType()])


def _items(context: MethodContext) -> Type:
    return context.api.named_generic_type("builtins.list", [_item(context)])


def _type_properties(context: ClassDefContext) -> None:
    """Put the value's type in the place of each annotation that is a call to `bpy.props`."""
    if not isinstance(context.api, SemanticAnalyzer):
        return
    module = context.api.cur_mod_node
    for statement in _untyped(context.cls):
        call = _calls(module.path).get(statement.line)
        value = _value(call) if call is not None else None
        if value is not None:
            statement.type = statement.unanalyzed_type = value


def _untyped(cls: ClassDef) -> Iterator[AssignmentStmt]:
    """Yield the annotations that are no types to mypy."""
    for statement in cls.defs.body:
        named = isinstance(statement, AssignmentStmt) and isinstance(statement.lvalues[0], NameExpr)
        if named and isinstance(statement.unanalyzed_type, RawExpressionType):
            yield statement


@cache
def _calls(path: str) -> dict[int, ast.Call]:
    """Return the annotations of a file that are calls, by line: mypy does not keep them."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    made = {node.name: _returned(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Call):
            function = node.annotation.func
            own = made.get(function.id) if isinstance(function, ast.Name) else None
            found[node.lineno] = own or node.annotation
    return found


def _returned(function: ast.FunctionDef) -> ast.Call | None:
    """Return the call that a function of the module hands back: it makes properties that are alike."""
    last = function.body[-1]
    return last.value if isinstance(last, ast.Return) and isinstance(last.value, ast.Call) else None


def _value(call: ast.Call) -> Type | None:
    """Return the type of a property's value; None where the call makes no property."""
    kind = ast.unparse(call.func).removeprefix("bpy.props.")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if kind in _VALUES:
        return UnboundType(_VALUES[kind])
    if kind == "EnumProperty":
        flag = "options" in given and "ENUM_FLAG" in ast.unparse(given["options"])
        return UnboundType("set", [UnboundType("str")]) if flag else UnboundType("str")
    if kind not in {"PointerProperty", "CollectionProperty"} or "type" not in given:
        return None
    target = ast.unparse(given["type"])
    if kind == "CollectionProperty":
        return UnboundType(_COLLECTION, [UnboundType(target)])
    # a pointer to a data-block may be empty; a group of properties is always there
    return UnionType([UnboundType(target), NoneType()]) if target.startswith("bpy.types.") else UnboundType(target)
