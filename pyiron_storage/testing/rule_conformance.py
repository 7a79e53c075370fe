"""What every registered type must do, whoever brings its rule: for pytest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyiron_storage as ps
from pyiron_storage.model.storage import GenericStorage

SUFFIXES = (".h5", ".json", ".jsondir")

_LOOK = """
import sys, pyiron_storage as ps
with ps.open_storage({file!r}, "r") as storage:
    print(storage.walk(), storage["object"])
print(ps.browse({file!r}))
assert {package!r} not in sys.modules, "it was imported"
"""
_SAVE_AGAIN = """
import importlib, pyiron_storage as ps
for module in {modules!r}:
    importlib.import_module(module)
ps.save(ps.load({file!r}), {again!r})
"""
_WITHOUT = """
import sys, pyiron_storage as ps
sys.modules[{package!r}] = None
try:
    ps.load({file!r})
except ps.CannotImportError as error:
    assert {package!r} in str(error), error
else:
    raise SystemExit("it was loaded without its package")
ps.save(ps.load({file!r}, on_missing="raw"), {again!r})
"""


class RuleConformance:
    """Tests of one registered type; a subclass says what its objects are, and when two of them are the same.

    Examples
    --------
    ::

        class TestLength(RuleConformance):
            package = "lengths"
            modules = ("lengths",)

            def samples(self):
                return [Length(4.05, "Å"), Length(np.eye(3), "nm")]

            def same(self, left, right):
                return left.unit == right.unit and np.array_equal(left.value, right.value)
    """

    package: str = ""
    """The top-level package that has the class."""
    modules: tuple[str, ...] = ()
    """What another process imports so that the type is registered; nothing where an entry point does it."""

    def samples(self) -> list[Any]:
        """Objects of the type, each another one at each call."""
        raise ps.StorageError("A test class of a rule implements samples().")

    def same(self, left: Any, right: Any) -> bool:
        """Whether two objects are the same in all that is stored."""
        raise ps.StorageError("A test class of a rule implements same(left, right).")

    @pytest.fixture(params=[*SUFFIXES, "memory"])
    def storage(self, request: Any, tmp_path: Path) -> Iterator[GenericStorage]:
        """An empty storage of each kind."""
        kind = request.param
        with ps.MemoryStorage() if kind == "memory" else ps.open_storage(tmp_path / f"rules{kind}") as storage:
            yield storage

    def check(self, found: list[Any], expected: list[Any]) -> None:
        """Compare objects one by one."""
        assert len(found) == len(expected)
        for left, right in zip(found, expected, strict=True):
            assert type(left) is type(right)
            assert self.same(left, right), (left, right)

    def test_objects_come_back(self, storage: GenericStorage) -> None:
        storage["x"] = self.samples()
        self.check(storage.load("x"), self.samples())

    def test_many_objects_come_back(self, storage: GenericStorage) -> None:
        for count in (7, 8, 9, 64):
            for index in range(len(self.samples())):
                alike = [self.samples()[index] for _ in range(count)]
                storage["x"] = {"list": alike, "rows": [{"n": n, "it": one} for n, one in enumerate(alike)]}
                loaded = storage.load("x")
                self.check(loaded["list"], alike)
                self.check([row["it"] for row in loaded["rows"]], alike)
                assert all(row["it"] is one for row, one in zip(loaded["rows"], loaded["list"], strict=True))

    def test_what_is_one_object_stays_one(self, storage: GenericStorage) -> None:
        for sample in self.samples():
            loop: list[Any] = [sample, (sample,), {"it": sample}]
            loop.append(loop)
            storage["x"] = loop
            loaded = storage.load("x")
            assert loaded[0] is loaded[1][0] is loaded[2]["it"]
            assert loaded[3] is loaded
            self.check([loaded[0]], [sample])

    def test_the_rule_is_used_and_its_parts_are_found(self, storage: GenericStorage) -> None:
        for sample in self.samples():
            storage["x"] = {"it": sample}
            info = storage.info("x/it")
            assert info.type == f"{type(sample).__module__}.{type(sample).__qualname__}"
            assert info.size == len(list(storage["x/it"])) > 0

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_it_is_looked_at_without_an_import(self, suffix: str, tmp_path: Path) -> None:
        file = self._saved(tmp_path / f"look{suffix}")
        self._run(_LOOK.format(file=file, package=self.package), tmp_path)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_another_process_loads_and_saves_it(self, suffix: str, tmp_path: Path) -> None:
        file, again = self._saved(tmp_path / f"first{suffix}"), str(tmp_path / f"again{suffix}")
        self._run(_SAVE_AGAIN.format(file=file, again=again, modules=self.modules), tmp_path)
        self.check(ps.load(again), self.samples())

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_without_its_package_it_is_refused_or_kept_as_it_is(self, suffix: str, tmp_path: Path) -> None:
        file, again = self._saved(tmp_path / f"first{suffix}"), str(tmp_path / f"again{suffix}")
        self._run(_WITHOUT.format(file=file, again=again, package=self.package), tmp_path)
        self.check(ps.load(again), self.samples())

    def test_its_rule_admits_nothing(self, tmp_path: Path) -> None:
        file = self._saved(tmp_path / "trust.h5")
        with pytest.raises(ps.UntrustedError) as caught:
            ps.load(file, trust="data")
        names = {f"{type(sample).__module__}.{type(sample).__qualname__}" for sample in self.samples()}
        assert names <= {want.name for want in caught.value.wants}

    def _saved(self, file: Path) -> str:
        ps.save(self.samples(), file)
        return str(file)

    def _run(self, script: str, folder: Path) -> None:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)  # noqa: S603  our own
        assert done.returncode == 0, done.stderr
