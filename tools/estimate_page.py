"""Puts what `ftc estimate` prints and draws into docs/estimate.md and docs/estimate.svg.

`python tools/estimate_page.py --check` writes nothing and exits 1 when they are out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ftc.build import compile_recipe
from ftc.estimate import plot, text
from ftc.estimate.figures import report
from ftc.memory.measured import shipped

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "estimate.md"
PICTURE = ROOT / "docs" / "estimate.svg"
RECIPE = "recipes/qlora-8b-24gb.toml"
MARKED = re.compile(r"(<!-- made by tools/estimate_page\.py: text -->\n).*?(<!-- end -->)", re.S)


def main() -> int:
    """Write both files, or compare them."""
    found = report(compile_recipe(ROOT / RECIPE, offline=True), shipped())
    said = f"```\n$ ftc estimate {RECIPE}\n{text.plain(text.lines(found))}\n```\n"
    before = PAGE.read_text("utf-8")
    page = MARKED.sub(lambda match: match[1] + said + match[2], before)
    picture = plot.whole(found, "svg")
    stale = [
        path
        for path, is_new in (
            (PAGE, page != before),
            (PICTURE, not PICTURE.is_file() or PICTURE.read_bytes() != picture),
        )
        if is_new
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: out of date, run make docs", file=sys.stderr)
        return int(bool(stale))
    PAGE.write_text(page, "utf-8")
    PICTURE.write_bytes(picture)
    print(f"docs: {', '.join(path.name for path in stale) or 'nothing'} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
