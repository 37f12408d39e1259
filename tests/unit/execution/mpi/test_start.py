"""What is set before MPI starts."""

import os
import subprocess
import sys

import pytest

from agebo_hpc.execution.mpi.start import TRANSPORTS_VARIABLE, set_defaults

CODE = """
import os
from agebo_hpc.execution.mpi.start import YIELD_VARIABLE, start_mpi
MPI = start_mpi()
print(os.environ[YIELD_VARIABLE], MPI.Query_thread() == MPI.THREAD_MULTIPLE)
"""


@pytest.mark.parametrize(("of_user", "expected"), [(None, "1"), ("0", "0")])
def test_threads_that_wait_let_others_run_unless_the_user_says_otherwise(of_user, expected):
    name = "OMPI_MCA_mpi_yield_when_idle"
    environment = {key: value for key, value in os.environ.items() if key != name}
    if of_user:
        environment[name] = of_user
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [expected, "True"]


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An environment that Open MPI's Python package is installed in, and an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "lib" / "libopen-pal.so.80").touch()
    return tmp_path


def transports(prefix, environ=None):
    environ = dict(environ or {})
    set_defaults(environ, str(prefix))
    return environ.get(TRANSPORTS_VARIABLE)


class TestTransports:
    def test_the_one_that_sleeps_before_it_goes_is_left_out(self, prefix):
        (prefix / "etc" / "openmpi-mca-params.conf").write_text("# btl = tcp\ncoll = ^hcoll\n")
        assert transports(prefix) == "^ofi"

    def test_an_mpi_of_elsewhere_is_left_as_it_is(self, prefix):
        (prefix / "lib" / "libopen-pal.so.80").unlink()
        assert transports(prefix) is None

    def test_what_the_user_set_stays(self, prefix):
        assert transports(prefix, {TRANSPORTS_VARIABLE: "tcp,self"}) == "tcp,self"

    @pytest.mark.parametrize(
        "file", ["etc/openmpi-mca-params.conf", "home/.openmpi/mca-params.conf"]
    )
    def test_what_a_file_of_the_site_or_of_the_user_chooses_stays(self, prefix, file):
        (prefix / file).parent.mkdir(parents=True, exist_ok=True)
        (prefix / file).write_text("  btl = self,sm,ofi\n")
        assert transports(prefix) is None
