"""What LLaMA-Factory makes of a pinned build: its rows, its schedule, its losses.

python told_llamafactory.py REQUEST.json OUT/    in the pinned folder; common.py says what OUT gets
python told_llamafactory.py REQUEST.json         where REQUEST is {"runs": [{"folder", "out", ...}]}

Runs inside LLaMA-Factory's interpreter; ftc never imports it. Its name is not llamafactory.py,
which would be imported in the package's place. A request holds "config",
"planned_by" (the config that the schedule is told of), "level", "steps" (of the level loss),
"parts", "real_config" and "averaging".
The tool's own workflow does all the work; what it loads is kept between the passes, so that rows
are tokenised once.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import common  # type: ignore
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer  # type: ignore
from llamafactory.data.template import TEMPLATES  # type: ignore
from llamafactory.hparams import get_train_args  # type: ignore
from llamafactory.model import load_tokenizer  # type: ignore
from llamafactory.train import dpo, kto, pt, sft, tuner  # type: ignore
from transformers import DataCollatorForLanguageModeling  # type: ignore

WORKFLOWS = (dpo, kto, pt, sft)
TOKENIZED = "ftc_tokenized.py"  # in a build of exact tokens
REGISTERED = deepcopy(TEMPLATES)


def several(request: dict[str, Any], out: Path) -> None:
    """Tells of each run of the request, or of the one that the whole request is."""
    for run in request.get("runs", [request]):
        os.chdir(run.get("folder", "."))
        TEMPLATES.update(deepcopy(REGISTERED))  # a default_system stays in them
        tell(run, common.Out(Path(run.get("out", out))))


def tell(request: dict[str, Any], out: common.Out) -> None:
    """Writes rows, then the schedule and the losses where the level asks for them."""
    config, plain = (
        json.loads(Path(request[name]).read_text(encoding="utf-8"))
        for name in ("config", "planned_by")
    )
    if config.get("tokenized_path") and Path(TOKENIZED).is_file():
        runpy.run_path(TOKENIZED)["main"]([])
    out.progress("reading the rows")
    known = Loaded(plain)
    for part in request["parts"]:
        out.rows(part, known.rows(part))
    if request["level"] == "tokens":
        out.told()
        return
    out.progress("planning the steps")
    with known.kept():
        planned = common.scheduled(lambda: tuner.run_exp(plain), request["real_config"])
        losses: list[float] = []
        if request["level"] == "loss":
            total = min(int(request["steps"]), planned.schedule["steps"])
            losses = common.trained(
                lambda: tuner.run_exp(config),
                total,
                averaging=request.get("averaging"),
                heard=lambda done: out.progress("training", done, total),
            )
    out.told(planned.schedule, losses)


class Loaded:
    """The rows as LLaMA-Factory loads them, with what its workflows load them by."""

    def __init__(self, config: dict[str, Any]) -> None:
        model, data, training, tuning, _ = get_train_args(dict(config))
        self.stage = "rm" if tuning.stage == "dpo" else tuning.stage
        module = load_tokenizer(model)
        self.tokenizer = module["tokenizer"]
        template = get_template_and_fix_tokenizer(self.tokenizer, data)
        self.sets = get_dataset(template, model, data, training, stage=self.stage, **module)

    def rows(self, part: str) -> Iterator[dict[str, Any]]:
        """Each sequence of a part, in the order of the file; nothing for a part that is not."""
        for said in self.sets.get(f"{part}_dataset") or ():
            yield from self._sequences(said)

    def _sequences(self, said: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if "chosen_input_ids" in said:
            return [self._row(said, f"{role}_", role) for role in ("chosen", "rejected")]
        if "kto_tags" in said:
            return [self._row(said, "", "desirable" if said["kto_tags"] else "undesirable")]
        return [self._row(said, "", "")]

    def _row(self, said: dict[str, Any], prefix: str, role: str) -> dict[str, Any]:
        ids = said[f"{prefix}input_ids"]
        labels = self._collated(ids) if self.stage == "pt" else said[f"{prefix}labels"]
        mask = said.get(f"{prefix}attention_mask")
        made: dict[str, Any] = common.row(ids, labels, mask, role)
        return made

    def _collated(self, ids: list[int]) -> list[int]:
        """The labels of a text, which only the collator of pre-training makes."""
        collator = DataCollatorForLanguageModeling(tokenizer=self.tokenizer, mlm=False)
        labels: list[int] = collator([{"input_ids": ids}])["labels"][0].tolist()
        return labels

    def kept(self) -> "Kept":
        """Within, the workflows get these rows instead of making them anew."""
        return Kept(lambda *_, **__: dict(self.sets))


class Kept:
    """Puts `get_dataset` in the place where each workflow looks it up."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.answer = answer

    def __enter__(self) -> None:
        for one in WORKFLOWS:
            one.workflow.get_dataset = self.answer

    def __exit__(self, *_: object) -> None:
        for one in WORKFLOWS:
            one.workflow.get_dataset = get_dataset


if __name__ == "__main__":
    several(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[-1]))
