"""The conformance suite: what every back-end must do, through its public interface, by subject."""

from __future__ import annotations

from pyiron_storage.testing.conformance.arrays_in_part import ArrayHandleTests
from pyiron_storage.testing.conformance.groups import GroupTests
from pyiron_storage.testing.conformance.looking import LookingTests
from pyiron_storage.testing.conformance.objects import ObjectTests
from pyiron_storage.testing.conformance.transactions import TransactionTests
from pyiron_storage.testing.conformance.values import ValueTests
from pyiron_storage.testing.conformance.views import ViewTests


class StorageConformance(
    TransactionTests, ArrayHandleTests, LookingTests, ViewTests, ObjectTests, GroupTests, ValueTests
):
    """What every back-end must do; a subclass says how to open one in a folder."""
