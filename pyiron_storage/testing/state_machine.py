"""A hypothesis state machine: any sequence of operations, compared with a plain Python model."""

from __future__ import annotations

import contextlib
import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyiron_storage.errors import StorageExistsError
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.model.views import View
from pyiron_storage.paths import escape

NAMES = st.sampled_from(["a", "b", "c d", "ä"])
KEYS = NAMES | st.sampled_from(["x/y", "~", "$", ""]) | st.integers(0, 2)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.just("long " * 10_000)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.builds(lambda value: [value, value], inner)
    ),
    max_leaves=12,
)


class Group(dict[str, Any]):
    """A group of the model, told apart from a dict that is stored as an object."""


class Interruption(Exception):
    """What a transaction is left with to be rolled back."""


class StorageMachine(RuleBasedStateMachine):
    """Set, get, delete, change inside, transactions, reopen; `storage_machine` makes one for a back-end."""

    open_storage: Callable[[Path], GenericStorage]
    persistent: bool

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.storage = type(self).open_storage(self.folder)
        self.model = Group()
        self.before: Group | None = None
        self.transaction: Any = None

    def teardown(self) -> None:
        if self.transaction is not None:
            self.roll_back()
        self.storage.close()
        shutil.rmtree(self.folder)

    # -- in groups -------------------------------------------------------

    @rule(name=NAMES, value=VALUES, data=st.data())
    def store(self, name: str, value: Any, data: st.DataObject) -> None:
        storage, model = self.draw_group(data)
        if isinstance(model.get(name), Group) and model[name]:
            with contextlib.suppress(StorageExistsError):
                storage[name] = value
                raise AssertionError(f"the group {name} was written over")
            return
        storage[name] = value
        model[name] = copy.deepcopy(value)

    @rule(name=NAMES, data=st.data())
    def create_group(self, name: str, data: st.DataObject) -> None:
        storage, model = self.draw_group(data)
        if isinstance(model.get(name, Group()), Group):
            storage.create_group(name)
            model.setdefault(name, Group())

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        storage, model = self.draw_group(data)
        if model:
            name = data.draw(st.sampled_from(sorted(model)))
            del storage[name]
            del model[name]

    # -- inside objects --------------------------------------------------

    @rule(value=VALUES, key=KEYS, data=st.data())
    def update(self, value: Any, key: Any, data: st.DataObject) -> None:
        view, model = self.draw_container(data)
        if isinstance(model, dict):
            view[key if key in model or isinstance(key, int) else escape(key)] = value
            model[key] = copy.deepcopy(value)
        elif model:
            index = data.draw(st.integers(-len(model), len(model) - 1))
            view[index] = value
            model[index] = copy.deepcopy(value)

    @rule(value=VALUES, data=st.data())
    def append(self, value: Any, data: st.DataObject) -> None:
        view, model = self.draw_container(data)
        if isinstance(model, list):
            index = data.draw(st.integers(0, len(model)))
            view.insert(index, value)
            model.insert(index, copy.deepcopy(value))

    @rule(data=st.data())
    def delete_inside(self, data: st.DataObject) -> None:
        view, model = self.draw_container(data)
        if model:
            key = data.draw(st.sampled_from(list(model) if isinstance(model, dict) else range(len(model))))
            del view[key]
            del model[key]

    # -- transactions and files --------------------------------------------

    @precondition(lambda self: self.transaction is None)
    @rule()
    def begin(self) -> None:
        self.before = copy.deepcopy(self.model)
        self.transaction = self.storage.transaction()
        self.transaction.__enter__()

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self) -> None:
        self.transaction.__exit__(None, None, None)
        self.transaction = None

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def roll_back(self) -> None:
        with contextlib.suppress(Interruption):
            self.transaction.__exit__(Interruption, Interruption(), None)
        assert self.before is not None
        self.model, self.transaction = self.before, None

    @precondition(lambda self: self.transaction is None and self.persistent)
    @rule()
    def reopen(self) -> None:
        self.storage.close()
        self.storage = type(self).open_storage(self.folder)

    @invariant()
    def storage_is_as_the_model(self) -> None:
        check(self.storage, self.model)

    # -- drawing -------------------------------------------------------------

    def draw_group(self, data: st.DataObject) -> tuple[GenericStorage, Group]:
        storage, model = self.storage, self.model
        while names := [name for name, inner in model.items() if isinstance(inner, Group)]:
            name = data.draw(st.sampled_from([None, *sorted(names)]))
            if name is None:
                break
            storage, model = storage[name], model[name]
        return storage, model

    def draw_container(self, data: st.DataObject) -> tuple[Any, Any]:
        """A list or dict somewhere in a stored object, as a view and in the model."""
        storage, model = self.draw_group(data)
        names = [name for name, inner in model.items() if not isinstance(inner, Group) and containers(inner)]
        if not names:
            return {}, {}
        name = data.draw(st.sampled_from(sorted(names)))
        path = data.draw(st.sampled_from(containers(model[name])))
        view, inner = storage[name], model[name]
        for key in path:
            view, inner = view[key], inner[key]
        return view, inner


def storage_machine(
    open_storage: Callable[[Path], GenericStorage], *, persistent: bool = True
) -> type[RuleBasedStateMachine]:
    """Return a state machine for a back-end.

    Parameters
    ----------
    open_storage : callable
        Opens the storage in a folder.
    persistent : bool
        Whether it can be closed and opened again.

    Examples
    --------
    >>> import pyiron_storage as ps
    >>> machine = storage_machine(lambda folder: ps.MemoryStorage(), persistent=False)
    >>> TestMemoryMachine = machine.TestCase
    """
    options = {"open_storage": staticmethod(open_storage), "persistent": persistent}
    return type("Machine", (StorageMachine,), options)


def containers(value: Any) -> list[tuple[Any, ...]]:
    """The ways to every list and dict in a value."""
    found: list[tuple[Any, ...]] = [()] if isinstance(value, (list, dict)) else []
    if isinstance(value, (list, tuple, dict)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += [(key, *path) for path in containers(inner)]
    return found


def check(storage: GenericStorage, model: Group) -> None:
    """Assert that a storage holds what the model does, by types and order too."""
    assert sorted(storage) == sorted(model)
    for name, value in model.items():
        found = storage[name]
        if isinstance(value, Group):
            assert isinstance(found, GenericStorage)
            check(found, value)
        else:
            loaded = found.to_object() if isinstance(found, View) else found
            assert repr(loaded) == repr(value), f"{name}: {loaded!r} is not {value!r}"
