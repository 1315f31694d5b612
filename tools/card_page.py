"""Makes docs/cards.md: the cards that `hardware.gpu` may name.

`python tools/card_page.py --check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.memory.cards import Card, cards  # noqa: E402 - found by the line above

PAGE = ROOT / "docs" / "cards.md"
MADE = "<!-- Made by `python tools/card_page.py` from the code; do not edit. -->\n\n"


def page() -> str:
    """Every card with memory, bandwidth, rates, and how they were checked."""
    lines = [
        MADE + "# Cards",
        "",
        f"{len(cards())} cards that `hardware.gpu` may name, from",
        "`compiler/ftc/memory/cards.toml`. Memory in GiB as the driver lists it where that is",
        "known, bandwidth in GB/s, 16-bit and fp32 in 10¹² operations a second, link in GB/s one",
        "way to the next card (NVLink, Infinity Fabric, else PCIe).",
        "",
        "The 16-bit rate is that of training: dense, not the doubled figure of sparse matrices,",
        "and summed in fp32, which GeForce cards do at half speed. It is bf16 where the card has",
        "it, else fp16. TF32 runs at half of it on NVIDIA cards from Ampere on.",
        "",
        "*Formula*: multiprocessors x clock x operations of each, and bus width x data rate, give",
        "both figures within 1.5 % (`tests/test_hardware.py`); their inputs were typed from",
        "memory. *Looked up*: the rate, or multiprocessors, clock and bus, was read in a public",
        "text. *Sources disagree*: the last column says how. Correct a row with its source.",
        "",
        "| card | memory | bandwidth | 16 bit | fp32 | link | checked | source |",
        "|---|---|---|---|---|---|---|---|",
        *(_card_line(card) for card in cards()),
        "",
    ]
    return "\n".join(lines)


def _card_line(card: Card) -> str:
    figures = (
        f"{card.gib:.1f} | {card.bandwidth:,.0f} | {card.tflops:,.1f} | {card.tflops_fp32:.1f}"
    )
    name = card.name + (" (full name only)" if card.exact else "")
    return f"| {name} | {figures} | {card.link:.0f} | {card.checked} | {card.speed_source} |"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        print("docs: nothing changed")
        return 0
    if "--check" in sys.argv:
        print("out of date: cards.md; run: make docs", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print("docs: cards.md changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
