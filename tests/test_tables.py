"""Instances that are shared or hold each other, as rows of tables."""

import pickle

import numpy as np
import pytest
from graphs import difference
from hypothesis import given, settings
from hypothesis import strategies as st

import pyiron_storage as ps


class Node:
    pass


class Edge:
    def __init__(self, start, end):
        self.start, self.end = start, end


class Counted:
    """Counts with whom it was made, by looking at it."""

    def __init__(self, node):
        self.node = node
        self.seen = sorted(vars(node))

    def __reduce__(self):
        return Counted, (self.node,)


def back(thing):
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage.load("it")


def document(thing):
    storage = ps.MemoryStorage()
    storage["it"] = thing
    return storage["it"]._place().record.text().decode()


def same(thing):
    return difference(pickle.loads(pickle.dumps(thing)), back(thing)) == ""


def ring(count):
    """Nodes that know their neighbours, what they share, and their edges."""
    settings_, nodes = {"cutoff": 5.0}, [Node() for _ in range(count)]
    for i, node in enumerate(nodes):
        node.number, node.settings, node.next = i, settings_, nodes[(i + 1) % count]
        node.neighbours = [nodes[i - 1], nodes[(i + 1) % count]]
        node.parent = nodes[i // 2] if i else None
        node.edges = [Edge(node, nodes[i - 1])]
    return nodes


# What an attribute of node `i` may be, made of numbers that say which other nodes it holds.
ATTRIBUTES = {
    "number": lambda nodes, picks, i: i,
    "text": lambda nodes, picks, i: f"n{i % 3}",
    "mixed": lambda nodes, picks, i: [None, i, "a", 0.5][picks[0] % 4],
    "node": lambda nodes, picks, i: nodes[picks[0] % len(nodes)],
    "node or none": lambda nodes, picks, i: nodes[picks[1] % len(nodes)] if picks[0] % 2 else None,
    "nodes": lambda nodes, picks, i: [nodes[pick % len(nodes)] for pick in picks[: picks[0] % 4]],
    "by name": lambda nodes, picks, i: {f"k{pick % 3}": nodes[pick % len(nodes)] for pick in picks},
    "pair": lambda nodes, picks, i: (nodes[picks[0] % len(nodes)], i),
    "array": lambda nodes, picks, i: np.arange(3) + i,
    "all": lambda nodes, picks, i: nodes,
    "edge": lambda nodes, picks, i: Edge(nodes[picks[0] % len(nodes)], nodes[picks[1] % len(nodes)]),
    "set": lambda nodes, picks, i: {i, i + 1},
    "counted": lambda nodes, picks, i: Counted(nodes[picks[0] % len(nodes)]) if i == 3 else None,
    "class": lambda nodes, picks, i: Node if i % 2 else Edge,
}


@st.composite
def graphs(draw, attributes=tuple(ATTRIBUTES)):
    count = draw(st.integers(1, 30))
    names = draw(st.lists(st.sampled_from(attributes), unique=True, max_size=5))
    nodes = [Node() for _ in range(count)]
    for i, node in enumerate(nodes):
        picks = draw(st.lists(st.integers(0, 40), min_size=3, max_size=3))
        for name in names if draw(st.integers(0, 9)) else names[::-1]:
            setattr(node, name, ATTRIBUTES[name](nodes, picks, i))
    around = draw(st.sampled_from(["list", "first", "dict", "both", "tuple"]))
    return {
        "list": nodes,
        "first": nodes[0],
        "dict": {f"n{i}": node for i, node in enumerate(nodes)},
        "both": [nodes, nodes[::-1], nodes[0]],
        "tuple": tuple(nodes),
    }[around]


@settings(max_examples=400, deadline=None)
@given(graphs())
def test_graphs_come_back_as_with_pickle(graph):
    assert difference(pickle.loads(pickle.dumps(graph)), back(graph)) == ""


def test_a_graph_is_a_table_of_columns():
    nodes = ring(500)
    text = document(nodes)
    assert len(text) < 3000
    assert text.count('"table"') > 1
    found = back(nodes)
    assert found[7].next is found[8]
    assert found[7].settings is found[9].settings
    assert found[7].edges[0].start is found[7]


def test_instances_that_hold_no_other_stay_in_place():
    nodes = {"nodes": [Edge(i, i + 1) for i in range(50)]}
    assert '"table"' not in document(nodes)


def test_code_that_looks_at_nodes_sees_them_filled():
    nodes = ring(20)
    nodes[3].counted = Counted(nodes[5])
    assert back(nodes)[3].counted.seen == sorted(vars(nodes[5]))
    assert same(nodes)


def test_nodes_whose_attributes_stand_in_another_order_are_made_in_their_order():
    nodes = [Node() for _ in range(16)]
    for i, node in enumerate(nodes):
        others = {"counted": None, "number": i, "node": nodes[0]}
        node.__dict__.update(others if i in (0, 4) else dict(reversed(others.items())))
    nodes[4].node = nodes[3]
    nodes[3].node, nodes[3].counted = nodes[4], Counted(nodes[4])
    assert same(nodes)


def test_a_long_chain():
    first = node = Node()
    for i in range(20_000):
        node.number, node.next = i, Node()
        node = node.next
    node.number, node.next = -1, None
    found, count = back(first), 0
    while found.next is not None:
        assert found.number == count
        found, count = found.next, count + 1
    assert count == 20_000


@pytest.mark.parametrize("suffix", ["h5", "jsondir", "json"])
def test_parts_of_a_graph_are_read_and_changed(suffix):
    nodes = ring(50)
    ps.save(nodes, f"f.{suffix}")
    with ps.open_storage(f"f.{suffix}") as storage:
        view = storage["object"]
        assert view[7]["next"]["next"]["number"] == 9
        assert view["7/edges/0/start/number"] == 7
        view[7]["number"] = "seven"
        view["8/next"]["extra"] = [1]
        del view[10]["settings"]
        view[11]["settings"]["cutoff"] = 6.0
        assert view[6]["next"]["number"] == "seven"
    nodes[7].number, nodes[9].extra = "seven", [1]
    del nodes[10].settings
    nodes[11].settings["cutoff"] = 6.0
    assert difference(pickle.loads(pickle.dumps(nodes)), ps.load(f"f.{suffix}")) == ""
    ninth = ps.load(f"f.{suffix}", "9")
    assert difference(pickle.loads(pickle.dumps(nodes[9])), ninth) == ""
    assert ninth.edges[0].start is ninth
    assert ps.load(f"f.{suffix}", "9/edges")[0].start.extra == [1]


def test_a_copy_of_a_node_is_one_with_the_copies_of_its_neighbours():
    with ps.open_storage("f.h5") as storage, ps.open_storage("g.h5") as other:
        storage["it"] = ring(50)
        other["node"] = storage["it/9"]
    found = ps.load("g.h5", "node")
    assert found.number == 9
    assert found.edges[0].start is found
    assert found.next.neighbours[0] is found


def test_walk_lists_each_node_once():
    storage = ps.MemoryStorage()
    storage["it"] = ring(20)
    found = dict(storage.walk())
    nodes = [info for info in found.values() if info.type.endswith("Node")]
    assert sum(info.same_as is None for info in nodes) == 20
    assert found["it/5"].same_as.startswith("it/0/next")
    assert found["it/0/next/number"].kind == "value"
