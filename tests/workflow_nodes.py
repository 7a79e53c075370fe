"""Nodes of pyiron_workflow in an importable module, and a workflow with a macro made of them."""

from pyiron_workflow import Workflow, as_function_node, as_macro_node


@as_function_node("sum")
def Add(x, y=0):
    return x + y


@as_function_node("product")
def Multiply(x, factor=2):
    return x * factor


@as_macro_node("result")
def AddAndDouble(self, x, y):
    self.add = Add(x, y)
    self.double = Multiply(self.add)
    return self.double


def make_workflow():
    """(2 + 3) * 2 + 1, as connected nodes; a macro computes the same beside it."""
    found = Workflow("calculation")
    found.add = Add(2, 3)
    found.double = Multiply(found.add, 2)
    found.total = Add(found.double, 1)
    found.macro = AddAndDouble(2, 3)
    return found
