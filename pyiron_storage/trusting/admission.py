"""Which classes and functions a load may import, make and call.

`Admission` decides by name, before anything is imported.  A package admits the
classes that are defined in it; a full name, ``module.function`` or ``module.Class``,
admits exactly that.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from pyiron_storage.errors import InvalidTrustError, TrustTypeError
from pyiron_storage.option_checks import nearest
from pyiron_storage.trusting.settings import admitted_names

Trust = str | Iterable[str] | None
"""What `trust=` takes: ``"data"``, ``"all"``, names, or None for what is signed and what the configuration names."""

HARMLESS_VALUES: Final = frozenset(
    [f"builtins:{name}" for name in "list dict set frozenset tuple int float bool str bytes complex object".split()]  # noqa: SIM905
    + [f"types:{name}" for name in ("NoneType", "EllipsisType", "NotImplementedType")]
    + [f"datetime:{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")]
    + ["decimal:Decimal", "fractions:Fraction", "uuid:UUID", "numpy:ndarray", "numpy:bool", "numpy:bool_", "numpy:str_"]
    + [f"numpy:{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + [f"numpy:float{bits}" for bits in (16, 32, 64)]
    + ["numpy:complex64", "numpy:complex128", "numpy:datetime64", "numpy:timedelta64", "numpy:bytes_"]
    + [f"ml_dtypes:{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 4)]
    + ["ml_dtypes:bfloat16", "ml_dtypes:complex32", "ml_dtypes:bcomplex32", "ml_dtypes:float4_e2m1fn"]
    + ["ml_dtypes:float6_e2m3fn", "ml_dtypes:float6_e3m2fn", "ml_dtypes:float8_e3m4", "ml_dtypes:float8_e8m0fnu"]
    + [f"ml_dtypes:float8_{form}" for form in ("e4m3", "e4m3b11fnuz", "e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz")]
)
"""Types that count as data where they stand as values, as in ``{"dtype": float}``, not where they are called."""
HARMLESS_CALLS: Final = frozenset(
    [
        "datetime:timezone",
        "zoneinfo:ZoneInfo._unpickle",
        "pyiron_storage.model.ready_made:ListStorable",
        "pyiron_storage.backends.neighbours.h5io_files:without_state",
    ]
)
"""What makes data of data, whatever it is given."""


HARMLESS: Final = HARMLESS_VALUES | HARMLESS_CALLS


def is_harmless(entry: Any) -> bool:
    """Whether an entry of the types of a record names nothing that could run code."""
    name = entry.get("name") if type(entry) is dict and "code" not in entry else None
    return type(name) is str and name in HARMLESS


def dotted(name: str) -> str:
    """A name of a record, ``module:qualified.name``, as people write it."""
    return name.replace(":", ".")


class Admission:
    """Which names are admitted.

    Parameters
    ----------
    names
        Packages, modules, and full names of classes and functions.
    everything
        Whether all is.
    signed
        Whether what is signed by a known key is admitted without a look at its names.

    Examples
    --------
    >>> numpy = Admission(["numpy"])
    >>> numpy.find("numpy.ma.core:MaskedArray").__name__
    'MaskedArray'
    >>> numpy.find("numpy.testing:runstring") is None, numpy.find("subprocess:Popen") is None
    (True, True)
    >>> Admission(["subprocess.Popen"]).find("subprocess:Popen").__name__
    'Popen'
    """

    def __init__(self, names: Iterable[str] = (), *, everything: bool = False, signed: bool = False) -> None:
        self.names = frozenset(names)
        self.everything = everything
        self.signed = signed

    def admits(self, name: str, *, called: bool = True) -> bool:
        """Whether a name of a record is admitted; where its module may be, it is imported to see what the name means.

        `called` says whether it is more than a value: called, or made an instance of.
        """
        if self.everything or name in HARMLESS_CALLS or (not called and name in HARMLESS_VALUES):
            return True
        return dotted(name) in self.names or self.find(name) is not None

    def imported(self, name: str) -> Any:
        """What an admitted name stands for; it is looked at once more, for it may have changed since it was admitted.

        Raises
        ------
        ImportError, AttributeError
            If it cannot be found, or is no more what the names admit.
        """
        if self.everything or name in HARMLESS:
            return import_name(name)
        found = self.find(name)
        if found is None:
            raise ImportError(f"{dotted(name)} is something else than when it was admitted")
        return found

    def find(self, name: str) -> Any:
        """The class or function of a name that the names admit, imported; None where they do not.

        Raises
        ------
        ImportError, AttributeError
            If it is admitted and cannot be found.
        """
        if dotted(name) in self.names:
            return import_name(name)
        module, _, qualified = name.partition(":")
        package = next((above for above in _above(module) if above in self.names), None)
        return _class_of(package, module, qualified) if package is not None and qualified else None


def _above(module: str) -> list[str]:
    """A module and the packages that it is in; of what a package runs as a program, nothing."""
    parts = module.split(".")
    if "__main__" in parts[1:]:
        return []
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _class_of(package: str, module: str, qualified: str) -> type | None:
    """The class of a name where it is defined in a package, each class that it stands in too; None else."""
    found = imported(module)
    for part in qualified.split("."):
        found = getattr(found, part)
        if not isinstance(found, type) or not _is_defined_in(found, package):
            return None
    return found if isinstance(found, type) else None


def _is_defined_in(cls: type, package: str) -> bool:
    """Whether a class is in a package by its own name, and is found there."""
    module = cls.__module__
    found: Any = sys.modules.get(module)
    if module != package and not module.startswith(f"{package}."):
        return False
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


def imported(module: str) -> Any:
    """Import a module."""
    if module not in sys.modules:
        importlib.import_module(module)
    return sys.modules[module]


def import_name(name: str) -> Any:
    """Import what a name stands for.

    Raises
    ------
    ImportError, AttributeError
        If there is no such module, or no such name in it.
    """
    module, _, qualified = name.partition(":")
    found = imported(module)
    for part in qualified.split(".") if qualified else ():
        found = getattr(found, part)
    return found


DATA: Final = Admission()
"""Plain values, arrays, and what of types is harmless."""
EVERYTHING: Final = Admission(everything=True)


def admission(trust: Trust) -> Admission:
    """What `trust=` admits.

    Raises
    ------
    InvalidTrustError
        If it is neither ``"data"`` nor ``"all"`` nor names.
    """
    if trust is None:
        return Admission(admitted_names(), signed=True)
    if isinstance(trust, Admission):
        return trust
    if isinstance(trust, str):
        if trust in ("data", "all"):
            return EVERYTHING if trust == "all" else DATA
        raise InvalidTrustError(
            f"trust={trust!r} is none of 'data', 'all' and a list of names.{nearest(trust, ('data', 'all'))} For one "
            f"name: trust=[{trust!r}]."
        )
    given: Any = trust
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        hint = " For everything, say trust='all'." if given is True else ""
        raise TrustTypeError(f"trust={trust!r} is none of 'data', 'all' and a list of names.{hint}")
    return _of_names(tuple(trust))


@lru_cache(64)
def _of_names(names: tuple[str, ...]) -> Admission:
    for name in names:
        if not isinstance(name, str):
            raise TrustTypeError(f"trust: {name!r} is no name, such as 'ase' or 'my_package.function'.")
        if not all(part.isidentifier() for part in name.split(".")):
            raise InvalidTrustError(
                f"trust: {name!r} is no name of a package, class or function, such as 'ase' or 'my_package.function'."
            )
    return Admission(names)
