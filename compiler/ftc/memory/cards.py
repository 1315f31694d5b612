"""The list of cards (`cards.toml`) and how a name that somebody typed finds its row."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ftc import kept
from ftc.diagnostics import nearest
from ftc.errors import FtcError

TABLE = Path(__file__).with_name("cards.toml")
# Words that do not tell two cards of the table apart.
NOISE = re.compile(
    r"nvidia|geforce|quadro|tesla|rtx|gtx|amd|instinct|radeon|rx|gpu|generation|graphics|card"
    r"|sxm\d?|pcie|oam|hbm\d?e?|blackwell|workstation|server|edition"
)
SIZE = re.compile(r"(\d+)g(?:i?b)?")


class Card(NamedTuple):
    """A GPU model. `memory_gb` is the data sheet's figure, `gib` what the driver lists.

    `capability` is CUDA's compute capability, None on AMD; `flash` whether FlashAttention 2
    supports the card. `bandwidth` of its memory in 1e9 B/s. `tflops`: dense products of 16-bit
    numbers summed in fp32, which is what training runs, in 1e12/s; `tflops_fp32`: fp32 outside of
    tensor cores. `link`: to the next card, 1e9 B/s one way, NVLink or else PCIe. 0: not known.
    `reach`: share of `tflops` that the best matrix product was measured at, 0: not measured.
    `exact`: only the full name finds it. `checked`: how the speeds were, see cards.toml.
    """

    name: str
    memory_gb: int
    gib: float
    capability: tuple[int, int] | None
    bf16: bool
    flash: bool
    also: tuple[str, ...]
    source: str
    bandwidth: float = 0.0
    tflops: float = 0.0
    tflops_fp32: float = 0.0
    link: float = 0.0
    reach: float = 0.0
    speed_source: str = ""
    checked: str = ""
    exact: bool = False


@cache
def cards() -> tuple[Card, ...]:
    """Every card of the table, in its order."""
    rows = kept.table(TABLE)["card"]
    return tuple(
        Card(
            name=row["name"],
            memory_gb=row["memory_gb"],
            gib=row.get("listed_mib", row["memory_gb"] * 1024) / 1024,
            capability=tuple(row["capability"]) if "capability" in row else None,
            bf16=row["bf16"],
            flash=row["flash"],
            also=tuple(row.get("also", ())),
            source=row["source"],
            bandwidth=row.get("bandwidth", 0.0),
            tflops=row.get("tflops", 0.0),
            tflops_fp32=row.get("tflops_fp32", 0.0),
            link=row.get("link", 0.0),
            reach=row.get("reach", 0.0),
            speed_source=row.get("speed_source", ""),
            checked=row.get("checked", ""),
            exact=row.get("exact", False),
        )
        for row in rows
    )


def named(name: str) -> Card | None:
    """The card of exactly this name; None for another one and for ""."""
    return next((card for card in cards() if card.name == name), None)


def find(name: str) -> Card:
    """The card that `name` means, whatever its case, spaces and maker's words.

    Raises FtcError with the choices when several fit ("A100"), with the nearest name when none.
    """
    for card in cards():
        if name.casefold().strip() in (card.name.casefold(), card.name.casefold().split(" ", 1)[1]):
            return card
    model, size = _parts(name)
    family = [card for card in cards() if model in _models(card) and not card.exact]
    fitting = [card for card in family if size in (None, card.memory_gb)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise FtcError(
            f"hardware.gpu: {name!r} may mean several cards", hint=f"one of: {_names(fitting)}"
        )
    if family:
        raise FtcError(
            f"hardware.gpu: no {name} is known; {_sizes(family)}",
            hint="leave gpu out and give hardware.vram_gb",
        )
    raise FtcError(f"hardware.gpu: unknown card {name!r}", hint=_guess(model))


def _parts(name: str) -> tuple[str, int | None]:
    """The model as one word, maker's words left out, and the memory size in GB if it is given."""
    text = re.sub(r"(\d)\s+(g(?:i?b)?)\b", r"\1\2", name.lower())
    words = re.findall(r"[a-z0-9]+", re.sub(r"^(rtx|gtx|rx)(?=\d)", "", text))
    sizes = [int(match[1]) for word in words if (match := SIZE.fullmatch(word))]
    model = [word for word in words if not SIZE.fullmatch(word) and not NOISE.fullmatch(word)]
    joined = re.sub(r"^(rtx|gtx|rx)(?=\d|a\d)", "", "".join(model))
    return joined, sizes[0] if sizes else None


def _models(card: Card) -> set[str]:
    return {_parts(name)[0] for name in (card.name, *card.also)}


def _names(chosen: list[Card]) -> str:
    return ", ".join(card.name for card in chosen)


def _sizes(family: list[Card]) -> str:
    return ", ".join(f"{card.name} has {card.memory_gb} GB" for card in family)


def _guess(model: str) -> str:
    known = {key: card.name for card in cards() if not card.exact for key in _models(card)}
    guess = nearest(model, known)
    asked = "give hardware.vram_gb instead"
    return f"did you mean {known[guess]}? Or {asked}" if guess else asked
