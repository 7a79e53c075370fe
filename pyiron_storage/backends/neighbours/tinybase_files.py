"""Reading what tinybase wrote: groups with the nodes ``NAME``, ``MODULE`` and ``VERSION``.

Such a group is read as any group into which a `Storable` was stored by hand; its
values are h5io's.  Only tinybase's own ready-made kinds are found elsewhere than
their ``MODULE`` says.
"""

from __future__ import annotations

from typing import Final

from pyiron_storage.model.ready_made import ListStorable, PickleStorable
from pyiron_storage.model.storable import Storable
from pyiron_storage.model.storage import GenericStorage
from pyiron_storage.paths import Name

MODULES: Final = ("pyiron_contrib.tinybase.storage", "tinybase.storage")
_KINDS: Final[dict[str, type[Storable]]] = {"PickleStorable": PickleStorable, "ListStorable": ListStorable}


def ready_made_kind(group: GenericStorage) -> type[Storable] | None:
    """Our kind of storable for a group that tinybase's own one wrote; None for any other, whose class is imported."""
    module = group.get(Name("MODULE"))
    return _KINDS.get(str(group.get(Name("NAME")))) if isinstance(module, str) and module in MODULES else None
