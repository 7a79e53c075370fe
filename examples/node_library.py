"""A small node library, as a user of pyiron_storage would write one.

A `Workflow` has nodes, a `FunctionNode` knows its workflow, and an input of a node
may be the output of another: objects that hold each other in cycles.  They say how
they are stored in `_store`, and how they are filled again in `_restore_into`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from pyiron_storage import GenericStorage, Storable


@dataclass(frozen=True)
class Output:
    """A named output of a node, to be the input of another one."""

    node: FunctionNode
    name: str

    @property
    def value(self) -> Any:
        """What the node gave when it was run."""
        return self.node.outputs[self.name]


class FunctionNode(Storable):
    """A function with its inputs and, once it was run, its outputs.

    Parameters
    ----------
    label : str
        The name of the node in its workflow.
    function : callable
        Returns its outputs as a dictionary.  It is stored by import path, so it
        must stand in a module.
    workflow : Workflow
        The workflow that the node is a part of.
    inputs : dict
        The arguments of the function: values, or the `Output` of another node.
    """

    storage_version = "1"

    def __init__(
        self, label: str, function: Callable[..., dict[str, Any]], workflow: Workflow, inputs: dict[str, Any]
    ) -> None:
        self.label = label
        self.function = function
        self.workflow = workflow
        self.connections = {name: value for name, value in inputs.items() if isinstance(value, Output)}
        self.inputs = {name: value for name, value in inputs.items() if name not in self.connections}
        self.outputs: dict[str, Any] = {}

    def output(self, name: str) -> Output:
        """Name an output, to connect it to an input of another node."""
        return Output(self, name)

    def sources(self) -> list[FunctionNode]:
        """The nodes that must run before this one."""
        return [output.node for output in self.connections.values()]

    def run(self) -> None:
        """Take the connected inputs from the nodes before, and call the function."""
        self.inputs |= {name: output.value for name, output in self.connections.items()}
        self.outputs = self.function(**self.inputs)

    def _store(self, storage: GenericStorage) -> None:
        storage["label"] = self.label
        storage["workflow"] = self.workflow
        storage["function"] = self.function
        storage["connections"] = self.connections
        storage["inputs"] = self.inputs
        storage["outputs"] = self.outputs

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        self.label = storage["label"]
        self.workflow = storage["workflow"].to_object()
        self.function = storage["function"].to_object()
        self.connections = storage.load("connections")
        self.inputs = storage.load("inputs")
        self.outputs = storage.load("outputs")


class Workflow(Storable):
    """Nodes by their labels, run in the order in which they depend on each other."""

    storage_version = "1"

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: dict[str, FunctionNode] = {}

    def add(self, label: str, function: Callable[..., dict[str, Any]], **inputs: Any) -> FunctionNode:
        """Add a node that calls a function with these inputs, and return it."""
        self.nodes[label] = FunctionNode(label, function, self, inputs)
        return self.nodes[label]

    def run(self) -> None:
        """Run each node after those that it takes inputs from."""
        for node in TopologicalSorter({node: node.sources() for node in self.nodes.values()}).static_order():
            node.run()

    def _store(self, storage: GenericStorage) -> None:
        storage["name"] = self.name
        storage["nodes"] = self.nodes

    def _restore_into(self, storage: GenericStorage, version: str) -> None:
        self.name = storage["name"]
        self.nodes = storage.load("nodes")
