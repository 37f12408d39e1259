"""Sites: one record for each machine or kind of machine, and how a user adds one.

A record is a TOML file; the built-in ones lie in the directory ``sites`` beside this module. A new
machine is a new file, not a branch in the code.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.job.launcher import STEP_LAUNCHERS
from agebo_hpc.text import one_line

SCHEDULERS = ("slurm", "pbs", "cobalt", "none")
LAUNCHERS = (*STEP_LAUNCHERS, "aprun")
EXACT_LAUNCHERS = ("mpirun", "srun", "hydra")
"""Launchers that can place one rank more on the first node: the manager."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

DIRECTORY = Path(__file__).parent / "sites"


@dataclass(frozen=True)
class Site:
    """What a batch script has to know of a machine.

    Attributes
    ----------
    name
        Name as it is given on the command line.
    description
        What the site is, in one line.
    scheduler
        One of SCHEDULERS.
    launcher
        One of LAUNCHERS.
    cores
        Cores of a node, >= 1, without hardware threads.
    hardware_threads
        Hardware threads of a core, >= 1.
    gpus
        GPUs of a node, >= 0.
    memory_gib
        Memory of a node, GiB, > 0.
    is_generic
        Whether cores, GPUs and memory are examples, counted on the node when the job runs.
    slots
        Trainer ranks of a node; 0: one for each GPU, else 8, or as many as there are cores.
    max_nodes
        Nodes of a job at most; 0: not known.
    device_order
        Devices by local rank; empty: 0, 1, 2, ….
    modules
        Lines of shell that load the site's software.
    directives
        Further words for the scheduler's lines; ``{nodes}``, ``{cores}`` and ``{gpus}`` are
        replaced.
    launch_options
        Further words for the launcher.
    srun_mpi
        Plug-in for ``srun --mpi``.
    can_requeue
        Whether jobs may requeue themselves; else they are chained.
    environment
        Variables for all ranks.
    """

    name: str
    description: str
    scheduler: str
    launcher: str
    cores: int
    hardware_threads: int = 1
    gpus: int = 0
    memory_gib: float = 64.0
    is_generic: bool = False
    slots: int = 0
    max_nodes: int = 0
    device_order: tuple[int, ...] = ()
    modules: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    launch_options: str = ""
    srun_mpi: str = "pmix"
    can_requeue: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_choice("scheduler", SCHEDULERS)
        self._check_choice("launcher", LAUNCHERS)
        least = {"cores": 1, "hardware_threads": 1, "gpus": 0, "slots": 0, "max_nodes": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if type(value) is not int or value < lowest:
                raise self._wrong(name, f"a whole number of at least {lowest}")
        if type(self.memory_gib) not in (int, float) or not self.memory_gib > 0:
            raise self._wrong("memory_gib", "a number more than 0")
        self._check_texts()
        for name in ("is_generic", "can_requeue"):
            if not isinstance(getattr(self, name), bool):
                raise self._wrong(name, "true or false")
        for name in ("modules", "directives"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(line, str) for line in value):
                raise self._wrong(name, "a list of texts")
        self._check_devices()
        self._check_directives()
        for variable in self.environment:
            if not VARIABLE.fullmatch(variable):
                raise self._wrong("environment", "names of variables: letters, digits and _")

    def _check_texts(self) -> None:
        """Check what stands in comments and words of a script."""
        for name in ("name", "description", "launch_options", "srun_mpi"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise self._wrong(name, "a text")
            if one_line(value) != value:
                raise self._wrong(name, "one line without control characters")
        if "/" in self.name or not self.name.strip("."):
            raise self._wrong("name", "a text without /: it is a part of a file's name")

    def _check_devices(self) -> None:
        order = self.device_order
        whole = isinstance(order, tuple) and all(type(device) is int for device in order)
        if not whole or (order and sorted(order) != list(range(self.gpus))):
            devices = f"each of 0 to {self.gpus - 1} once"
            raise self._wrong("device_order", devices if self.gpus else "none: there is no GPU")

    def _check_directives(self) -> None:
        if any(one_line(words) != words for words in self.directives):
            raise self._wrong("directives", "a list of lines: a text for each")
        try:
            for words in self.directives:
                words.format(nodes=1, cores=1, gpus=0)
        except (KeyError, IndexError, ValueError):
            allowed = "no braces but {nodes}, {cores} and {gpus}"
            raise self._wrong("directives", allowed) from None

    def _check_choice(self, name: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, name) not in allowed:
            raise self._wrong(name, f"one of {', '.join(allowed)}")

    def _wrong(self, name: str, allowed: str) -> ConfigurationError:
        value = getattr(self, name)
        return ConfigurationError(f"Site {self.name}: {name} is {value!r}; give {allowed}.")

    @property
    def places_manager(self) -> bool:
        """Whether the manager is one rank more than the trainer ranks of the nodes."""
        return self.launcher in EXACT_LAUNCHERS

    def settings(self) -> dict[str, str]:
        """Return the record as the variables that ``job.sh`` reads."""
        found = {"AGEBO_LAUNCHER": self.launcher}
        if self.is_generic:
            # An exclusive job is told of the GPUs of a node that it has no use for.
            given = f"${{SLURM_GPUS_ON_NODE:-{self.gpus}}}"
            found["AGEBO_GPUS_PER_NODE"] = given if self.gpus else "0"
        else:
            found["AGEBO_CORES_PER_NODE"] = str(self.cores)
            found["AGEBO_GPUS_PER_NODE"] = str(self.gpus)
        if self.slots:
            found["AGEBO_SLOTS_PER_NODE"] = str(self.slots)
        if self.device_order:
            found["AGEBO_DEVICE_ORDER"] = ",".join(map(str, self.device_order))
        if self.launch_options:
            found["AGEBO_LAUNCH_OPTIONS"] = self.launch_options
        if self.srun_mpi != "pmix":
            found["AGEBO_SRUN_MPI"] = self.srun_mpi
        if not self.can_requeue and self.scheduler == "slurm":
            found["AGEBO_CONTINUE"] = "chain"
        return {**found, **self.environment}

    def shell_text(self) -> str:
        """Return the record as lines of shell: what the environment has set before wins."""
        lines = [f"# {self.name}: {self.description}"]
        for name, value in self.settings().items():
            lines.append(f"export {name}=${{{name}:-{_quoted_default(value)}}}")
        if self.modules:
            lines += ["agebo_modules() {", *(f"    {line}" for line in self.modules), "}"]
        return "\n".join(lines) + "\n"


def _quoted_default(value: str) -> str:
    """Return a value as it can stand behind ``:-`` in an assignment.

    Other variables in it are replaced, such as ``/scratch/$USER``.
    """
    bare = value.replace(" ", "")
    if bare == shlex.quote(bare):
        return value
    escaped = re.sub(r'(["`\\])', r"\\\1", value)
    return f'"{escaped}"'


def site_names() -> list[str]:
    """Return the names of the built-in sites."""
    return sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def load_site(name: str) -> Site:
    """Return a built-in site by its name, or the one in a TOML file. Local.

    Raises
    ------
    InputMissingError
        If there is neither.
    ConfigurationError
        If the file is not a site.
    """
    path = DIRECTORY / f"{name}.toml" if name in site_names() else Path(name)
    if not path.is_file():
        raise InputMissingError(
            f"There is no site {name!r}; choose among {', '.join(site_names())}, or give the path "
            "of a TOML file (`agebo-hpc sites show NAME` prints one to start from)."
        )
    try:
        record = tomllib.loads(path.read_text())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is not a TOML file: {error}.") from error
    return site_of({"name": path.stem, **record})


def site_of(record: Mapping[str, Any]) -> Site:
    """Return the site of a record.

    Raises
    ------
    ConfigurationError
        If a field is missing, unknown or wrong.
    """
    name = record.get("name", "?")
    known = {f.name: f for f in fields(Site)}
    unknown = sorted(set(record) - set(known))
    if unknown:
        raise ConfigurationError(
            f"Site {name}: {', '.join(unknown)} is not known; the fields are {', '.join(known)}."
        )
    needed = ("name", "description", "scheduler", "launcher", "cores")
    missing = [field_name for field_name in needed if field_name not in record]
    if missing:
        raise ConfigurationError(f"Site {name}: {', '.join(missing)} is missing.")
    values: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in record.items()
    }
    if "environment" in values:
        if not isinstance(values["environment"], Mapping):
            raise ConfigurationError(
                f"Site {name}: environment is {values['environment']!r}; give a table."
            )
        values["environment"] = {key: str(item) for key, item in values["environment"].items()}
    return Site(**values)
