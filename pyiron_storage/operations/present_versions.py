"""What is here now beside what was recorded, and whether that fits; nothing is imported."""

from __future__ import annotations

from dataclasses import dataclass

from pyiron_storage.operations.recorded_versions import TypeVersion
from pyiron_storage.provenance.comparing import Policy, goes_with
from pyiron_storage.provenance.present import present


@dataclass(frozen=True)
class Comparison:
    """How what is here compares with what was recorded of a class, function or module.

    Attributes
    ----------
    state : str
        ``"same"``; ``"version"`` or ``"source"`` where that is another; ``"missing"``;
        ``"by value"`` for code that the file keeps; ``"unknown"`` where nothing is recorded, or
        where only an import could tell.
    current : str or None
        The version that is here.
    """

    state: str
    current: str | None = None

    def fits(self, found: TypeVersion, policy: Policy) -> bool:
        """Whether a load with ``versions=policy`` would take it; the policy is asked of versions that differ."""
        if self.state == "version":
            return goes_with(policy, found.version, self.current)
        return self.state != "missing" and (self.state != "source" or policy != "exact")


def compare(found: TypeVersion) -> Comparison:
    """Compare what was recorded with what is here, as a load does."""
    if found.by_value:
        return Comparison("by value")
    if found.version is None and found.source is None and found.package is None:
        return Comparison("unknown")
    here = present(found.name)
    if here is None:
        return Comparison("missing")
    current = here.package.version
    root = found.name.partition(".")[0]
    is_same_package = (found.package or root) == (here.package.name or root)
    if found.version is not None and is_same_package and found.version != current:
        return Comparison("version", current)
    if found.source is not None and here.source is not None and found.source != here.source:
        return Comparison("source", current)
    is_compared = (found.version is None or is_same_package) and (found.source is None or here.source is not None)
    return Comparison("same" if is_compared else "unknown", current)
