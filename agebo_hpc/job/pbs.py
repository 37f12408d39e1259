"""What PBS says of a job: limits, hosts, and the words that it was submitted with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agebo_hpc.job.commands import Ask, pbs_program


def pbs_job(job: str, ask: Ask, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a job's attributes by name, resources as a table each; empty where PBS is silent.

    Parameters
    ----------
    job
        Id of the job, as in PBS_JOBID.
    ask
        Runs the commands of the batch system.
    environ
        Environment to look for them with; this process's by default.
    """
    qstat = pbs_program("qstat", environ)
    if qstat is None:
        return {}
    return _from_json(ask([qstat, "-f", "-F", "json", job])) or _from_text(ask([qstat, "-f", job]))


def _from_json(text: str) -> dict[str, Any]:
    try:
        [facts] = json.loads(text)["Jobs"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _from_text(text: str) -> dict[str, Any]:
    """Read `qstat -f`, which breaks long lines and indents what follows by a tab."""
    facts: dict[str, Any] = {}
    for line in re.sub(r"\n\t", "", text).splitlines():
        name, equals, value = line.strip().partition(" = ")
        if not equals:
            continue
        table, dot, key = name.partition(".")
        if dot:
            facts.setdefault(table, {})[key] = value
        else:
            facts[name] = value
    return facts


def cores_of_hosts(facts: Mapping[str, Any]) -> dict[str, int]:
    """Return host -> cores that a job was given there; empty where that is not said.

    `exec_host` is such as ``n1/0*4+n1/1*4+n2/0*2``; without ``*`` a part is one core.
    """
    cores: dict[str, int] = {}
    for part in str(facts.get("exec_host", "")).split("+"):
        found = re.fullmatch(r"([^/]+)/[\d,-]+(?:\*(\d+))?", part.strip())
        if found is None:
            return {}
        cores[found[1]] = cores.get(found[1], 0) + int(found[2] or 1)
    return cores
