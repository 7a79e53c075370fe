"""Random graphs of objects, stored and loaded in a second process, against what pickle gives: values and identity."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from graphs import KINDS, build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyiron_storage as ps

PLANS = st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 40), max_size=5)), min_size=1, max_size=25)
SUFFIXES = st.sampled_from(["json", "json", "json", "h5", "jsondir"])


class SecondProcess:
    """Loads what pickle and pyiron_storage wrote, and compares."""

    def __init__(self, folder):
        here = Path(__file__).parent
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, here / "graphs.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=here.parent,
            env={"PYTHONPATH": f"{here.parent}:{here}", "PATH": "", "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]},
        )

    def difference(self, thing, suffix):
        names = {"pickle": str(self.folder / "it.pickle"), "storage": str(self.folder / f"it.{suffix}")}
        Path(names["pickle"]).write_bytes(pickle.dumps(thing, protocol=5))
        ps.save(thing, names["storage"])
        print(json.dumps(names), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def second_process(tmp_path_factory):
    second = SecondProcess(tmp_path_factory.mktemp("graphs"))
    yield second
    second.process.stdin.close()
    second.process.wait()


def check(second_process, plan, suffix):
    thing = build(plan)
    try:
        pickle.dumps(thing, protocol=5)
    except RecursionError:
        return
    found = second_process.difference(thing, suffix)
    if not found.startswith("pickle: "):
        assert found == ""


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@settings(max_examples=300, **COMMON)
@given(plan=PLANS, suffix=SUFFIXES)
def test_graphs_come_back_as_with_pickle(second_process, plan, suffix):
    check(second_process, plan, suffix)


@pytest.mark.stress
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, **COMMON)
@given(plan=PLANS, suffix=SUFFIXES)
def test_ten_thousand_graphs_come_back_as_with_pickle(second_process, plan, suffix):
    check(second_process, plan, suffix)
