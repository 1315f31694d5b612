"""Runs inside Axolotl's interpreter: the chat templates that it ships, {"names": [...]} -> text."""

import importlib.util
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    spec = importlib.util.find_spec("axolotl")  # found, not imported: that takes seconds
    folder = Path(spec.submodule_search_locations[0]) / "utils" / "chat_templates" / "templates"
    names = json.load(sys.stdin)["names"]
    print("RESULT" + json.dumps({name: (folder / f"{name}.jinja").read_text() for name in names}))
