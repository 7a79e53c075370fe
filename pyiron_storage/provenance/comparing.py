"""Whether a version that was saved goes with the one that is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pyiron_storage.errors import InvalidOptionError

Policy = str | Callable[[str | None, str | None], bool]
"""What `versions=` takes: one of `POLICIES`, or a function of the saved and the current version."""
POLICIES: Final = ("ignore", "warn", "compatible", "exact")


def checked_policy(policy: Policy) -> Policy:
    """Return what `versions=` was given.

    Raises
    ------
    InvalidOptionError
        If it is neither one of `POLICIES` nor can be called.
    """
    if not callable(policy) and policy not in POLICIES:
        raise InvalidOptionError(
            f"versions={policy!r} is none of {', '.join(map(repr, POLICIES))} and no function of two versions."
        )
    return policy


def goes_with(policy: Policy, saved: str | None, current: str | None) -> bool:
    """Whether a policy lets something be loaded whose version is not the one that was saved."""
    if callable(policy):
        return bool(policy(saved, current))
    return policy != "exact" and (policy != "compatible" or are_compatible(saved, current))


def are_compatible(saved: str | None, current: str | None) -> bool:
    """Whether what was made with one version should work with another, by their release numbers.

    The first number must be the same, where it is 0 the second too, and the current version may not
    be older.

    Examples
    --------
    >>> are_compatible("1.2.0", "1.10"), are_compatible("1.2", "2.0"), are_compatible("1.3", "1.2")
    (True, False, False)
    >>> are_compatible("0.3.1", "0.3.4"), are_compatible("0.3.1", "0.4.0")
    (True, False)
    """
    from packaging.version import InvalidVersion, Version

    if saved is None or current is None:
        return saved == current
    try:
        old, new = Version(saved), Version(current)
    except InvalidVersion:
        return saved == current
    same = (old.epoch, old.major) == (new.epoch, new.major) and (old.major > 0 or old.minor == new.minor)
    return same and old <= new
