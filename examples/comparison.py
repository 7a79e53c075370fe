"""The checks that a loaded workflow must pass beside the original: equal values, and the same identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from ase import Atoms
from node_library import Workflow


def differences(found: Any, expected: Any, path: str = "") -> Iterator[str]:
    """Say where two values differ, be it in the last bit, in a type or in the order of keys."""
    if type(found) is not type(expected):
        yield f"{path}: {type(found).__name__} instead of {type(expected).__name__}"
    elif isinstance(expected, Atoms):
        yield from differences(_atoms_data(found), _atoms_data(expected), path)
    elif isinstance(expected, dict):
        yield from _entries_that_differ(found, expected, path)
    elif isinstance(expected, list):
        yield from _entries_that_differ(dict(enumerate(found)), dict(enumerate(expected)), path)
    elif isinstance(expected, np.ndarray):
        if found.dtype != expected.dtype or not np.array_equal(found, expected):
            yield f"{path}: another array"
    elif found != expected:
        yield f"{path}: {found!r} instead of {expected!r}"


def _entries_that_differ(found: dict[Any, Any], expected: dict[Any, Any], path: str) -> Iterator[str]:
    if list(found) != list(expected):
        yield f"{path}: the entries {list(found)} instead of {list(expected)}"
    else:
        for key, value in expected.items():
            yield from differences(found[key], value, f"{path}/{key}")


def _atoms_data(atoms: Atoms) -> dict[str, Any]:
    return {**atoms.todict(), "results": atoms.calc.results if atoms.calc else None}


def values(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Find inputs and outputs that differ: structures, energies, forces, settings."""
    yield from differences(list(loaded.nodes), list(original.nodes), "nodes")
    for label, node in original.nodes.items():
        yield from differences(loaded.nodes[label].inputs, node.inputs, f"{label}/inputs")
        yield from differences(loaded.nodes[label].outputs, node.outputs, f"{label}/outputs")


def functions(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Find nodes whose function is not the one that this process imported."""
    for label, node in original.nodes.items():
        if loaded.nodes[label].function is not node.function:
            yield f"{label}: {loaded.nodes[label].function} instead of {node.function}"


def workflows(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Find nodes that belong to another workflow than the one that they are in."""
    for label, node in loaded.nodes.items():
        if node.workflow is not loaded:
            yield f"{label} has another workflow"


def connections(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Find connections that differ, that lead to a copy of a node, or that handed over a copy of a value."""
    for label, node in loaded.nodes.items():
        yield from differences(list(node.connections), list(original.nodes[label].connections), f"{label}/connections")
        for name, output in node.connections.items():
            expected = original.nodes[label].connections[name]
            yield from differences(output.name, expected.name, f"{label}/connections/{name}")
            if output.node is not loaded.nodes[expected.node.label] or node.inputs[name] is not output.value:
                yield f"{label}/connections/{name} leads to a copy"


def structures(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Find a relaxed structure that is not the last one of the trajectory, or without its energy."""
    outputs = loaded.nodes["relaxation"].outputs
    if outputs["trajectory"][-1] is not outputs["atoms"]:
        yield "the relaxed structure is a copy"
    yield from differences([step.get_potential_energy() for step in outputs["trajectory"]], outputs["energies"])


def runs(loaded: Workflow, original: Workflow) -> Iterator[str]:
    """Run a loaded node again, and find energies other than before; another processor may round otherwise."""
    node = loaded.nodes["curve"]
    node.run()
    if not np.allclose(node.outputs["energies"], original.nodes["curve"].outputs["energies"], rtol=1e-9):
        yield "the energies are others"


CHECKS: dict[str, Callable[[Workflow, Workflow], Iterator[str]]] = {
    "inputs and outputs are equal to the last bit: structures, energies, forces": values,
    "each function is the one that is imported from its module": functions,
    "node.workflow is workflow, for each node": workflows,
    "each connection leads to the very node, and handed over the very structure": connections,
    "the relaxed structure is the last one of its trajectory, and knows its energy": structures,
    "the last node, run again in this process, gives its energies once more": runs,
}
"""What is checked, and what yields a line for each thing that is wrong."""
