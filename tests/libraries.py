"""Objects of real libraries, and what must be true of them after loading: for the test and its second process."""

import sys

import numpy as np


def atoms_with_calculator():
    from ase.build import bulk
    from ase.calculators.emt import EMT

    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.rattle(0.05, seed=1)
    atoms.calc = EMT()
    atoms.info["note"] = {"energy": atoms.get_potential_energy()}
    return atoms


def check_atoms_with_calculator(atoms):
    assert atoms.calc.atoms is not None
    assert atoms.get_potential_energy() == atoms.info["note"]["energy"]
    atoms.rattle(0.01, seed=2)
    assert np.isfinite(atoms.get_forces()).all()


def atoms_with_constraints():
    from ase.build import molecule
    from ase.constraints import FixAtoms, FixBondLength

    atoms = molecule("CH3CH2OH")
    atoms.set_constraint([FixAtoms([0]), FixBondLength(1, 2)])
    atoms.set_array("label", np.array([f"atom{i}" for i in range(len(atoms))]))
    return atoms


def check_atoms_with_constraints(atoms):
    fixed, bond = atoms.constraints
    assert fixed.index.tolist() == [0]
    assert bond.pairs.tolist() == [[1, 2]]
    assert atoms.get_array("label")[3] == "atom3"


def trajectory():
    from ase.build import bulk
    from ase.calculators.emt import EMT
    from ase.optimize import BFGS

    atoms = bulk("Al", cubic=True)
    atoms.rattle(0.1, seed=3)
    atoms.calc = EMT()
    images = []
    optimizer = BFGS(atoms, logfile=None)
    optimizer.attach(lambda: images.append(atoms.copy()))
    optimizer.run(fmax=0.05, steps=5)
    return {"images": images, "final": atoms, "energy": atoms.get_potential_energy()}


def check_trajectory(found):
    assert found["final"].get_potential_energy() == found["energy"]
    assert (found["images"][-1].positions == found["final"].positions).all()


def dataset():
    import xarray

    temperature = xarray.DataArray(
        np.arange(12.0).reshape(3, 4), dims=("x", "time"), coords={"x": [10, 20, 30], "time": np.arange(4) * 0.5}
    )
    return xarray.Dataset({"temperature": temperature, "double": 2 * temperature}, attrs={"title": "test"})


def check_dataset(found):
    assert found.attrs == {"title": "test"}
    assert float(found.temperature.sel(x=20, time=1.0)) == 6.0
    assert found.double.mean("time").values.tolist() == [3.0, 11.0, 19.0]


def graph():
    import networkx

    found = networkx.karate_club_graph()
    found.nodes[0]["array"] = np.arange(3)
    return found


def check_graph(found):
    import networkx

    assert networkx.shortest_path_length(found, 0, 33) == 2
    assert found.nodes[0]["array"].tolist() == [0, 1, 2]
    assert found.adj[0] is not None


def expression():
    import sympy

    x, y = sympy.symbols("x y", positive=True)
    integral = sympy.Integral(sympy.exp(-x * y) / x, (x, 1, sympy.oo))
    return {"integral": integral, "x": x, "matrix": sympy.Matrix([[x, 1], [0, y]])}


def check_expression(found):
    assert found["x"] in found["integral"].atoms()
    assert found["matrix"].det() == found["x"] * found["matrix"][1, 1]
    assert found["x"].is_positive


def pipeline():
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(0)
    features, target = random.random((80, 3)), random.random(80)
    fitted = make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=5, random_state=0)).fit(
        features, target
    )
    return {"pipeline": fitted, "features": features, "predicted": fitted.predict(features)}


def check_pipeline(found):
    assert (found["pipeline"].predict(found["features"]) == found["predicted"]).all()


def symmetry():
    import spglib

    cell = (np.eye(3) * 4.05, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [13] * 4)
    return {"dataset": spglib.get_symmetry_dataset(cell), "symmetry": spglib.get_symmetry(cell)}


def check_symmetry(found):
    assert found["dataset"].number == 225
    assert found["symmetry"]["rotations"].shape == (192, 3, 3)


def interpolation():
    from scipy.interpolate import CubicSpline
    from scipy.spatial import KDTree

    x = np.linspace(0, 10, 20)
    return {"spline": CubicSpline(x, np.sin(x)), "tree": KDTree(np.arange(30.0).reshape(10, 3))}


def check_interpolation(found):
    assert abs(float(found["spline"](1.5)) - np.sin(1.5)) < 1e-2
    assert found["tree"].query([0, 1, 2])[1] == 0


def workflow():
    from workflow_nodes import make_workflow

    return make_workflow()


def check_workflow(found):
    result = found()
    assert result["total__sum"] == (2 + 3) * 2 + 1


def workflow_that_ran():
    found = workflow()
    found()
    return found


def check_workflow_that_ran(found):
    assert found.total.outputs["sum"].value == (2 + 3) * 2 + 1
    assert found.total.inputs["x"].connections[0].owner is found.double
    assert found.total.parent is found
    found.add.inputs["y"].value = 10
    assert found()["total__sum"] == (2 + 10) * 2 + 1


NAMES = [name.removeprefix("check_") for name in list(globals()) if name.startswith("check_")]


if __name__ == "__main__":
    import libraries

    import pyiron_storage

    for argument in sys.argv[2:]:
        getattr(libraries, f"check_{sys.argv[1]}")(pyiron_storage.load(argument))
