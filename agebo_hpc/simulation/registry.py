"""Simulations by their names on the command line.

A further one is a module with a class that has the two methods of
`agebo_hpc.simulation.simulation.Simulation` and a function ``of_text``, and a line in
`SIMULATIONS`.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from agebo_hpc.errors import UsageError
from agebo_hpc.simulation.simulation import Simulation
from agebo_hpc.simulation.simulation_text import TABLES, SimulationText, table_place

SIMULATIONS = {
    "lognormal": "agebo_hpc.simulation.lognormal",
    "fcnet": "agebo_hpc.simulation.fcnet",
    "lcbench": "agebo_hpc.simulation.lcbench",
    "recorded": "agebo_hpc.simulation.recorded.replay",
}
"""Name -> module whose function ``of_text`` makes a simulation of the parts of its text."""


def parse_simulation(text: str) -> Simulation:
    """Return the simulation of ``NAME:word,key=value,...``.

    Raises
    ------
    UsageError
        If the name, a key or a value is not known.
    """
    parts = SimulationText.parse(text)
    if parts.name not in SIMULATIONS:
        raise UsageError(f"--simulate is {text}; choose among {', '.join(SIMULATIONS)}.")
    simulation: Simulation = import_module(SIMULATIONS[parts.name]).of_text(parts)
    return simulation


def num_epochs_of(simulation: Simulation) -> int | None:
    """Return how many epochs the trainings of a simulation have; None: as many as asked for."""
    return getattr(simulation, "num_epochs", None)


def with_whole_path(text: str) -> str:
    """Return the text of a simulation with the whole path of its file, if it has one."""
    parse_simulation(text)
    parts = SimulationText.parse(text)
    if parts.name not in TABLES:
        return text
    return str(replace(parts, words=(str(table_place(parts).resolved()),)))
