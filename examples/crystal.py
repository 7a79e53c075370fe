"""What the nodes of the demonstration compute: a crystal, its relaxation, its energy at several volumes.

The energies are those of ASE's effective medium theory (EMT), which takes milliseconds.
The functions stand in a module of their own, so that a stored node finds its function
by import path, in whichever process it is loaded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.eos import EquationOfState
from ase.filters import UnitCellFilter
from ase.optimize import LBFGS
from ase.units import GPa


def build_crystal(element: str, repeat: int, strain: float, displacement: float) -> dict[str, Any]:
    """Build a crystal that is out of balance: its cell stretched along x, its atoms displaced at random."""
    atoms = bulk(element, cubic=True).repeat(repeat)
    atoms.set_cell(atoms.cell * np.array([[1 + strain], [1], [1]]), scale_atoms=True)
    atoms.rattle(stdev=displacement, seed=0)
    return {"atoms": atoms}


def relax(atoms: Atoms, force_tolerance: float, maximum_steps: int) -> dict[str, Any]:
    """Relax the positions and the cell, and keep the structure of each step."""
    moving, trajectory = _with_potential(atoms), []
    optimizer = LBFGS(UnitCellFilter(moving), logfile=None)
    optimizer.attach(lambda: trajectory.append(_with_results(moving)))
    converged = optimizer.run(fmax=force_tolerance, steps=maximum_steps)
    return {
        "converged": bool(converged),
        "energy": trajectory[-1].get_potential_energy(),
        "energies": [step.get_potential_energy() for step in trajectory],
        "forces": trajectory[-1].get_forces(),
        "atoms": trajectory[-1],
        "trajectory": trajectory,
    }


def energy_volume_curve(atoms: Atoms, strains: list[float]) -> dict[str, Any]:
    """Compute the energy at several volumes, and fit the equation of state of Birch and Murnaghan to it."""
    scaled = [_scaled(atoms, 1 + strain) for strain in strains]
    volumes = np.array([step.get_volume() for step in scaled])
    energies = np.array([step.get_potential_energy() for step in scaled])
    volume, energy, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return {
        "volumes": volumes,
        "energies": energies,
        "equilibrium_volume": float(volume),
        "equilibrium_energy": float(energy),
        "bulk_modulus": float(bulk_modulus / GPa),
    }


def _with_potential(atoms: Atoms) -> Atoms:
    """Return a copy: what a node was given stays as it is."""
    copy = atoms.copy()
    copy.calc = EMT()
    return copy


def _with_results(atoms: Atoms) -> Atoms:
    """Return a copy that keeps the energy and the forces, not the potential that gave them."""
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(copy, energy=float(atoms.get_potential_energy()), forces=atoms.get_forces())
    return copy


def _scaled(atoms: Atoms, factor: float) -> Atoms:
    scaled = _with_potential(atoms)
    scaled.set_cell(atoms.cell * factor, scale_atoms=True)
    return scaled
