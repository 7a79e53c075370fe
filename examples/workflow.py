"""A demonstration: a workflow that relaxes a crystal is saved, looked at, changed and loaded by another process.

Run it by ``make demo``, or as ``python examples/workflow.py``.  It ends with an error if
anything that was loaded differs from what was saved.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from comparison import CHECKS, differences
from crystal import build_crystal, energy_volume_curve, relax
from narration import files_of, kilobytes, shown, size, step, tell, tree
from node_library import Workflow

import pyiron_storage as ps


def build_workflow() -> Workflow:
    """Connect three nodes: a crystal out of balance, its relaxation, its energy at several volumes."""
    workflow = Workflow("copper")
    structure = workflow.add("structure", build_crystal, element="Cu", repeat=3, strain=0.03, displacement=0.05)
    relaxation = workflow.add(
        "relaxation", relax, atoms=structure.output("atoms"), force_tolerance=0.05, maximum_steps=100
    )
    strains = [-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03]
    workflow.add("curve", energy_volume_curve, atoms=relaxation.output("atoms"), strains=strains)
    return workflow


def run(workflow: Workflow) -> None:
    """Compute something that is worth keeping."""
    step("Run a workflow of three connected nodes: structure -> relaxation -> curve")
    with shown():
        workflow.run()
    relaxed, curve = workflow.nodes["relaxation"].outputs, workflow.nodes["curve"].outputs
    number, energies = len(relaxed["atoms"]), relaxed["energies"]
    tell(f"structure   {number} atoms of copper, stretched by 3 % and displaced at random")
    tell(f"relaxation  {len(energies) - 1} steps, from {energies[0]:.3f} eV down to {energies[-1]:.3f} eV")
    volume, bulk_modulus = curve["equilibrium_volume"] / number, curve["bulk_modulus"]
    tell(f"curve       {volume:.2f} A^3 for each atom in equilibrium, bulk modulus {bulk_modulus:.0f} GPa")


def save(workflow: Workflow, files: list[Path]) -> None:
    """One line, whatever the back-end."""
    step("Save it, as an HDF5 file and as a JSON directory")
    for file in files:
        with ps.open_storage(file) as storage, shown():
            storage["wf"] = workflow
        tell(f"{file.name:<12}{size(file)}")
    tell(f"{'as pickle':<12}{kilobytes(len(pickle.dumps(workflow)))}, of which no part can be read alone")


def look(hdf5: Path, json: Path) -> None:
    """Browse, importing and loading nothing."""
    step(f"Look into {hdf5.name}: no object is made for that, and no class imported")
    with ps.open_storage(hdf5, "r") as storage:
        with shown():
            found = list(storage.walk())
        tell("\n".join(tree(storage, found, depth=5)))
    tell(f"\n{json.name} holds the same, in files for a text editor and for numpy:")
    for file in files_of(json):
        tell(f"{file.relative_to(json).as_posix():<30}{size(file)}")


def read_parts(file: Path, workflow: Workflow) -> None:
    """Take a number, an array and a structure, each without the rest."""
    step(f"Take parts out of {file.name}: the rest is not loaded")
    outputs = workflow.nodes["relaxation"].outputs
    with shown():
        energy = ps.load(file, "wf/nodes/relaxation/outputs/energy")
    tell(f"{energy!r}")
    with ps.open_storage(file, "r") as storage:
        with shown():
            forces = storage["wf/nodes/relaxation/outputs/forces"]
        tell(f"{type(forces).__name__} of shape {forces.shape}, the largest component is {abs(forces).max():.3f} eV/A")
        with shown():
            atoms = storage["wf/nodes/relaxation/outputs/trajectory/10"].to_object()
        formula, step_energy = atoms.get_chemical_formula(), atoms.get_potential_energy()
        tell(f"ase.{type(atoms).__name__} {formula}, {step_energy:.3f} eV")
    expected = [outputs["energy"], outputs["forces"], outputs["trajectory"][10]]
    require(list(differences([energy, forces, atoms], expected)))


def change(file: Path, tolerance: float) -> None:
    """Change one number in place, and see that nothing else is touched."""
    step(f"Change one input in {file.name}: in place, the rest stays as it is")
    with ps.open_storage(file) as storage:
        before = everything(storage)
        with shown():
            storage["wf/nodes/relaxation/inputs"]["force_tolerance"] = tolerance
    with ps.open_storage(file, "r") as storage:
        after = everything(storage)
    changed = [path for path in before | after if list(differences(after.get(path), before.get(path)))]
    for path in changed:
        tell(f"{path}: {before.get(path)} -> {after.get(path)}")
    tell(f"{len(after) - len(changed):,} other things in it are as before")
    require([] if [after.get(path) for path in changed] == [tolerance] else ["something else than this number changed"])


def everything(storage: ps.GenericStorage) -> dict[str, Any]:
    """What is in a storage: each value by its path, and for what is no value its type and size."""
    return {path: storage[path] if info.kind in ("value", "array") else info for path, info in storage.walk()}


def load_elsewhere(file: Path, original: Path) -> None:
    """A new process loads the whole, and compares it with the original, which it gets by pickle."""
    step(f"Load {file.name} in another process, and compare with the original")
    command = [sys.executable, __file__, "--compare", str(file), str(original)]
    completed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(completed.stdout, end="", flush=True)
    require([] if completed.returncode == 0 else ["the other process found a difference"])


def compare(file: Path, original: Path) -> None:
    """What the other process does."""
    expected = pickle.loads(original.read_bytes())
    with shown():
        workflow = ps.load(file, "wf")
    problems = []
    for description, check in CHECKS.items():
        wrong = list(check(workflow, expected))
        tell(f"{'WRONG' if wrong else 'ok':<6}{description}")
        problems += wrong
    require(problems)


def require(problems: list[str]) -> None:
    """End with an error where there is a problem."""
    if problems:
        sys.exit("\n".join(["The demonstration failed:", *problems[:20]]))


def demonstrate(folder: Path) -> None:
    """Tell the whole story, for an HDF5 file, and the end of it for a directory of JSON files too."""
    hdf5, json, original = folder / "wf.h5", folder / "wf.jsondir", folder / "original.pickle"
    workflow = build_workflow()
    run(workflow)
    save(workflow, [hdf5, json])
    look(hdf5, json)
    read_parts(hdf5, workflow)
    change(hdf5, tolerance=0.01)
    workflow.nodes["relaxation"].inputs["force_tolerance"] = 0.01
    original.write_bytes(pickle.dumps(workflow))
    load_elsewhere(hdf5, original)
    change(json, tolerance=0.01)
    load_elsewhere(json, original)
    print("\nAll that was loaded is equal to what was saved.")


def main() -> None:
    """Tell the story, or be the other process in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("FILE", "ORIGINAL"), help="load and compare")
    arguments = parser.parse_args()
    if arguments.compare:
        compare(*arguments.compare)
    else:
        with tempfile.TemporaryDirectory() as folder:
            demonstrate(Path(folder))


if __name__ == "__main__":
    main()
