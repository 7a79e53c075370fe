"""What functions and methods that users call have in common: they refuse wrong options, and their errors begin there.

The frames between a call and a `StorageError` say nothing to the user, whose message says
it all; they are left out.  The chain of causes stays as it is, and so do errors of other
kinds, which are faults of this package or of the classes of the user.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pyiron_storage.errors import StorageError
from pyiron_storage.option_checks import check_names, check_values

_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")


def public(function: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
    """Let a function refuse options that it does not have, and let its errors begin here."""
    parameters = inspect.signature(function).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    known = frozenset(parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD)

    @functools.wraps(function)
    def called(*arguments: _Given.args, **options: _Given.kwargs) -> _Returned:
        try:
            if options:
                if not takes_any and not known.issuperset(options):
                    check_names(options, known, f"{function.__name__}()")
                check_values(options)
            return function(*arguments, **options)
        except StorageError as error:
            begin_here(error)
            raise

    return called


def begin_here(error: StorageError) -> None:
    """Leave out how an error came about inside this package; not what a class of the user has to do with it."""
    if not error.passed_user_code:
        error.with_traceback(None)
