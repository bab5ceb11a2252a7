"""Compile the translations when the package is built or installed, so that none is at run time."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileMessages(BuildHookInterface[Any]):
    """Write the .mo files beside the .po, and take them along although git does not keep them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        tools = str(Path(self.root) / "tools")
        sys.path.insert(0, tools)
        try:
            import messages
        finally:
            sys.path.remove(tools)
        messages.compile_all()
        build_data["artifacts"].append("src/plazo/**/*.mo")
