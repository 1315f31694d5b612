"""The runs on a CPU that docs/memory.md shows: kept with their settings, shown as they are."""

import runpy
from pathlib import Path

from ftc.estimate import observe
from ftc.memory import measured

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "observed_cpu.py"))


def test_every_run_of_the_file_is_kept_with_its_settings():
    kept = measured.read(TOOL["KEPT"])
    cases = TOOL["cases"]()
    assert len(kept) == len(cases) >= 10
    for row, case in zip(kept, cases, strict=True):
        assert row.id.startswith(f"{case['name']}-{case['backend']}-")
        assert (row.name, row.group) == (case["model"], case["backend"])
        settings = ("method", "max_length", "micro_batch", "gradient_checkpointing", "attention")
        assert [getattr(row.job, name) for name in settings] == [case[name] for name in settings]
        assert row.job.device == "cpu" and row.reading == observe.ON_CPU


def test_the_page_shows_them_as_they_are():
    text = TOOL["PAGE"].read_text("utf-8")
    assert TOOL["page"](text, TOOL["table"](measured.read(TOOL["KEPT"]))) == text, (
        "run: python tools/observed_cpu.py --write"
    )
