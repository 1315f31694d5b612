"""What is installed beside the Python that runs this file, as JSON on standard output.

ftc starts it with the Python of an environment; it needs pip there, and nothing of ftc.
"""

import importlib.metadata
import json
import re
import sys

# pip's own copy: `packaging` itself may be what a broken environment has lost.
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement


def _installed() -> dict[str, importlib.metadata.Distribution]:
    return {
        re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(): found
        for found in importlib.metadata.distributions()
        if found.metadata["Name"]
    }


def _conflicts(installed: dict[str, importlib.metadata.Distribution]) -> list[str]:
    """What is there in a version that another package refuses; what is absent the lock left out."""
    result = []
    for name, found in sorted(installed.items()):
        for text in found.requires or []:
            try:
                need = Requirement(text)
            except InvalidRequirement:
                continue
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            other = installed.get(re.sub(r"[-_.]+", "-", need.name).lower())
            if other and not need.specifier.contains(other.version, prereleases=True):
                result.append(f"{name} asks for {need.name}{need.specifier}, not {other.version}")
    return result


def main() -> None:
    """Prints the Python's version, every distribution's version, and the conflicts."""
    installed = _installed()
    torch = installed.get("torch")
    content = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": {name: found.version for name, found in sorted(installed.items())},
        "conflicts": _conflicts(installed),
        "cuda": any("nvidia-" in text for text in (torch.requires or [])) if torch else False,
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main()
