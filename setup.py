"""Shim for tools that call setup.py; everything is in setup.cfg."""

from setuptools import setup

setup()
