"""What is asked of a load beside trust: which versions it takes, what has moved, what becomes of what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pyiron_storage.option_checks import check_choice
from pyiron_storage.provenance.comparing import Policy, checked_policy
from pyiron_storage.provenance.renames import checked_renames

ON_MISSING: Final = ("error", "raw")


@dataclass(frozen=True)
class Loading:
    """What is asked of a load.

    Attributes
    ----------
    versions : str or callable
        What becomes of versions that are not those that were saved.
    rename : mapping of str to str
        Names that have moved.
    on_missing : str
        Whether what cannot be imported is an error, or is given as it is, raw.
    map_location : str, torch.device, mapping or callable
        Where tensors of torch are put; None for where they were, or the CPU where that is not here.
    """

    versions: Policy = "warn"
    rename: Mapping[str, str] = field(default_factory=dict)
    on_missing: str = "error"
    map_location: Any = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Loading:
        """What the options of a load or handle ask for.

        Raises
        ------
        InvalidOptionError
            If one is not what it can be.
        """
        on_missing = options.get("on_missing", "error")
        check_choice("on_missing", on_missing, ON_MISSING)
        versions, renames = checked_policy(options.get("versions", "warn")), checked_renames(options.get("rename"))
        return cls(versions, renames, on_missing, options.get("map_location"))


DEFAULT: Final = Loading()
