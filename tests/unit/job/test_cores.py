"""Masks and control groups."""

import os

import pytest

from agebo_hpc.job import cores
from agebo_hpc.job.cores import available_cores, quota


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def groups(tmp_path):
    top = tmp_path / "cgroup"
    top.mkdir()
    return top, tmp_path / "own"


def test_the_smallest_share_of_a_group_and_those_above_it_counts(groups):
    top, own = groups
    own.write_text("0::/slurm/job_7/step_0\n")
    write(top / "slurm" / "cpu.max", "1600000 100000\n")
    write(top / "slurm" / "job_7" / "cpu.max", "250000 100000\n")
    write(top / "slurm" / "job_7" / "step_0" / "cpu.max", "max 100000\n")
    assert quota(*groups) == 2.5


def test_in_a_container_the_top_is_looked_at(groups):
    top, own = groups
    own.write_text("0::/docker/abc\n")
    write(top / "cpu.max", "200000 100000\n")
    assert quota(*groups) == 2


@pytest.mark.parametrize("name", ["cpu,cpuacct", "cpu"])
def test_version_1_has_two_files(groups, name):
    top, own = groups
    own.write_text("4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n")
    write(top / name / "job" / "cpu.cfs_quota_us", "300000\n")
    write(top / name / "job" / "cpu.cfs_period_us", "100000\n")
    write(top / name / "cpu.cfs_quota_us", "-1\n")
    write(top / name / "cpu.cfs_period_us", "100000\n")
    assert quota(*groups) == 3


def test_version_2_may_have_a_place_beside_version_1(groups):
    top, own = groups
    own.write_text("1:name=systemd:/job\n0::/job:a\n")
    write(top / "unified" / "job:a" / "cpu.max", "150000 100000\n")
    assert quota(*groups) == 1.5


@pytest.mark.parametrize("line", ["nonsense", "0:", "0::/../../elsewhere", ":"])
def test_a_line_that_leads_nowhere_is_passed_by(groups, line):
    top, own = groups
    own.write_text(f"{line}\n0::/job\n")
    write(top / "job" / "cpu.max", "50000 100000\n")
    assert quota(*groups) == 0.5


@pytest.mark.parametrize("text", ["max 100000", "", "0 0", "many few"])
def test_where_nothing_is_granted_there_is_no_limit(groups, text):
    top, own = groups
    assert quota(*groups) is None
    own.write_text("0::/\n")
    write(top / "cpu.max", text)
    assert quota(*groups) is None


@pytest.mark.parametrize(("share", "number"), [(None, 8), (2.5, 2), (0.5, 1), (64.0, 8)])
def test_a_share_of_time_is_as_good_as_a_mask(monkeypatch, share, number):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(cores, "quota", lambda: share)
    assert available_cores() == number
