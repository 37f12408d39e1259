"""Running a user's Python file as it is now."""

from __future__ import annotations

import types
from importlib.machinery import SourceFileLoader
from pathlib import Path


class _AsItIs(SourceFileLoader):
    """Loads a file as it is now.

    Python takes what it compiled before where size and second of the last change are the same: a
    digit changed at once after a run would not be seen. And nothing is written beside the file.
    """

    def get_code(self, fullname: str) -> types.CodeType:
        code: types.CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def run_file(path: str) -> types.ModuleType:
    """Return the module that a file makes; whatever its code raises is raised."""
    loader = _AsItIs(Path(path).stem, path)
    module = types.ModuleType(loader.name)
    module.__file__ = path
    loader.exec_module(module)
    return module
