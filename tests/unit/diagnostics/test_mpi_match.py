"""Library and launcher of one MPI, or of two."""

import pytest

from agebo_hpc.diagnostics.mpi_match import Build, build_of, mismatch, version_text

TEXTS = {
    "Open MPI v5.0.11, package: Open MPI user@localhost Distribution": "Open MPI 5.0.11",
    "mpirun (Open MPI) 4.1.4\n\nReport bugs to …": "Open MPI 4.1.4",
    "MPICH Version:      4.0.2\nMPICH Release date: Thu": "MPICH 4.0.2",
    "HYDRA build details:\n    Version:           4.0.2\n    CC: gcc": "MPICH 4.0.2",
    "Intel(R) MPI Library 2021.11 for Linux* OS": "MPICH 2021.11",
    "Intel(R) MPI Library for Linux* OS, Version 2021.11 Build 2023": "MPICH 2021.11",
    "MVAPICH2 Version      :     2.3.7": "MPICH 2.3.7",
    "MPI VERSION    : CRAY MPICH version 8.1.25.17 (ANL base 3.4a2)": "MPICH 8.1.25.17",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_names_family_and_version(text):
    assert str(build_of(text)) == TEXTS[text]


def test_an_unknown_text_names_nothing():
    assert build_of("mpirun of another kind, version 3") is None
    assert mismatch("Open MPI v5.0.11", "/bin/mpirun", "?") == ""


@pytest.mark.parametrize(
    ("library", "launcher", "fits"),
    [
        (("Open MPI", "5.0.11"), ("Open MPI", "5.0.3"), True),
        (("Open MPI", "5.0.11"), ("Open MPI", "4.1.4"), False),
        (("Open MPI", "4.1.4"), ("Open MPI", "5.0.11"), False),
        (("MPICH", "4.0.2"), ("MPICH", "3.4"), True),
        (("MPICH", "4.0.2"), ("Open MPI", "4.1.4"), False),
        (("Open MPI", "4.1.4"), ("MPICH", "4.0.2"), False),
    ],
)
def test_a_launcher_fits_libraries_of_its_family(library, launcher, fits):
    assert Build(*library).fits(Build(*launcher)) is fits


def test_two_mpis_are_named_with_what_to_do(tmp_path):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text("#!/bin/sh\necho 'mpirun (Open MPI) 4.1.4'\n")
    mpirun.chmod(0o755)
    text = mismatch("MPICH Version:      4.0.2", str(mpirun), version_text(str(mpirun)))
    assert "linked to MPICH 4.0.2" in text and f"{mpirun} belongs to Open MPI 4.1.4" in text
    assert "--no-binary mpi4py" in text
    assert version_text(str(tmp_path / "none")) == ""
