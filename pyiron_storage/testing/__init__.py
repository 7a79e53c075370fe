"""Tests for back-ends and for rules: conformance suites and a state machine, for pytest.

A back-end's own tests are about ten lines::

    from pyiron_storage.testing import StorageConformance, storage_machine

    class TestMyStorage(StorageConformance):
        def open(self, folder, mode="a", **options):
            return MyStorage(folder / "file.mine", mode, **options)

    TestMyStorageMachine = storage_machine(lambda folder: MyStorage(folder / "file.mine")).TestCase

and so are those of a registered type, see `RuleConformance`.

Needs ``pip install 'pyiron_storage[test]'``.
"""

from pyiron_storage.testing.conformance import StorageConformance
from pyiron_storage.testing.rule_conformance import RuleConformance
from pyiron_storage.testing.state_machine import storage_machine

__all__ = ["RuleConformance", "StorageConformance", "storage_machine"]
