"""What Axolotl makes of a pinned build: its rows, its schedule, its losses.

python told_axolotl.py REQUEST.json OUT     in the pinned folder, as `ftc.parity.probe` says
python told_axolotl.py REQUEST.json         where REQUEST is {"runs": [{"folder", "out", ...}]}:
                                            several folders in one process; importing takes longer

Runs inside Axolotl's interpreter (0.19.0 and 0.21.0); ftc never imports it. By the name axolotl.py
it would be imported in Axolotl's place. Nothing of Axolotl is imported at the top: the processes
that save a data set import this file again and need none of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftc.parity.inside.common import Out


def several(request: dict[str, Any], out: Path) -> None:
    """Tells of each run of the request, or of the one that the whole request is."""
    for run in request.get("runs", [request]):
        os.chdir(run.get("folder", "."))
        tell(run, Path(run.get("out", out)))


def tell(request: dict[str, Any], folder: Path) -> None:
    """Tells of the build folder that is the current one, up to the level asked for."""
    import common  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    out: Out = common.Out(folder)
    with tempfile.TemporaryDirectory(prefix="ftc-prepared-") as prepared:
        run = Run(request, prepared)
        out.progress("preparing the rows")
        cfg = run.config(adapter=False)
        data = run.data(cfg)
        if request["level"] == "tokens":
            trainer = run.trainer(cfg, data) if cfg.rl else None
            _tell_rows(out, request, data, trainer)
            out.told()
            return
        out.progress("planning the steps")
        planned = common.scheduled(lambda: run.train(cfg, data), request.get("real_config"))
        _tell_rows(out, request, data, planned.trainer)
        losses: list[float] = []
        if request["level"] == "loss":
            losses = _losses(out, request, run, planned.schedule["steps"])
        out.told(planned.schedule, losses)


def _losses(out: Out, request: dict[str, Any], run: Run, planned: int) -> list[float]:
    import common  # noqa: PLC0415 - see above

    cfg = run.config(adapter=True)
    data = run.data(cfg)
    steps = min(int(request["steps"]), planned)
    out.progress("training", 0, steps)
    losses: list[float] = common.trained(
        lambda: run.train(cfg, data),
        steps,
        averaging=request.get("averaging"),
        heard=lambda done: out.progress("training", done, steps),
    )
    return losses


class Run:
    """One build folder on its way through Axolotl, as `axolotl train` takes it."""

    def __init__(self, request: dict[str, Any], prepared: str) -> None:
        self.name = request["config"]
        self.planned_by = request.get("planned_by") or self.name
        self.prepared = prepared

    def config(self, *, adapter: bool) -> Any:
        """The loaded config; with `adapter` training starts from the one it names, if any.

        Axolotl's cache of prepared rows ignores what is in the files, so every process has its own.
        """
        from axolotl.cli.config import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
            load_cfg,
        )

        cfg = load_cfg(self.name if adapter else self.planned_by)
        cfg.dataset_prepared_path = self.prepared
        if not adapter:
            cfg.lora_model_dir = None
        return cfg

    def data(self, cfg: Any) -> Any:
        """The rows as Axolotl loads them; preference rows are not tokenised yet."""
        from axolotl.cli.args import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
            TrainerCliArgs,
        )
        from axolotl.common.datasets import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
            load_datasets,
            load_preference_datasets,
        )

        load = load_preference_datasets if cfg.rl else load_datasets
        return load(cfg=cfg, cli_args=TrainerCliArgs())

    def trainer(self, cfg: Any, data: Any) -> Any:
        """Model and trainer as `axolotl.train.train` makes them, then in file order and quiet."""
        from axolotl.train import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
            setup_model_and_trainer,
        )

        trainer = setup_model_and_trainer(cfg, data)[0]
        trainer.args.eval_on_start = False  # 0.19.0 turns it on whatever eval_strategy says
        if cfg.rl:
            _keep_order(trainer)
            if cfg.adapter and cfg.lora_model_dir:
                _start_from(trainer.model, cfg.lora_model_dir)
        return trainer

    def train(self, cfg: Any, data: Any) -> None:
        """Trains until the callback of `common` ends it; saves nothing."""
        from axolotl.train import (  # noqa: PLC0415 - see above
            execute_training,
        )

        execute_training(cfg, self.trainer(cfg, data), None)


def _keep_order(trainer: Any) -> None:
    """`curriculum_sampling` keeps the order of the file; the trainers of TRL do not read it."""
    from torch.utils.data import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
        SequentialSampler,
    )

    trainer._get_train_sampler = lambda dataset=None: SequentialSampler(
        trainer.train_dataset if dataset is None else dataset
    )


def _start_from(model: Any, folder: str) -> None:
    """Puts saved weights into the adapter that TRL made.

    Axolotl gives TRL's DPO and KTO trainers a fresh LoRA config, whatever `lora_model_dir` says.
    Raises RuntimeError where the saved adapter is not of that shape.
    """
    from peft import (  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
        load_peft_weights,
        set_peft_model_state_dict,
    )

    weights = load_peft_weights(folder, device="cpu")
    missed = set_peft_model_state_dict(model, weights)
    absent = [name for name in missed.missing_keys if "lora_" in name]
    if absent or missed.unexpected_keys:
        raise RuntimeError(f"{folder}: not this adapter: {absent[:3]} {missed.unexpected_keys[:3]}")


def _tell_rows(out: Out, request: dict[str, Any], data: Any, trainer: Any) -> None:
    source = data if trainer is None else trainer
    for part in request["parts"]:
        dataset = getattr(source, f"{part}_dataset")
        if dataset is not None:
            out.progress(f"{part} rows", 0, len(dataset))
            told = rows(dataset, None if trainer is None else trainer.data_collator)
            out.rows(part, islice(told, request.get("rows")))
            out.progress(f"{part} rows", len(dataset), len(dataset))


def rows(dataset: Any, collator: Any) -> Iterator[dict[str, Any]]:
    """The sequences of a data set in its order, with the labels that the loss sees.

    `collator` is that of a preference trainer. What ORPO calls labels leaves the prompt out; its
    likelihood term counts the prompt of the chosen answer too (TRL, `concatenated_forward`).
    """
    import common  # noqa: PLC0415 - see above

    for one in dataset:
        if "chosen_input_ids" in one:
            for role in ("chosen", "rejected"):
                parts = [one[f"{role}_{name}"] for name in ("input_ids", "labels")]
                yield common.row(*parts, one[f"{role}_attention_mask"], role)
        elif "prompt_ids" in one:
            yield from _rows_of_batch(collator([one]))
        else:
            yield common.row(one["input_ids"], one["labels"], one.get("attention_mask"))


def _rows_of_batch(batch: Any) -> Iterator[dict[str, Any]]:
    """One row of DPO or KTO as TRL's collator makes it, cut to the longest length allowed."""
    import common  # noqa: PLC0415 - see above

    if "label" in batch:
        roles = ["desirable" if bool(batch["label"][0]) else "undesirable"]
    else:
        roles = ["chosen", "rejected"]
    names = ("input_ids", "attention_mask", "completion_mask")
    for role, ids, seen, answer in zip(
        roles, *(batch[name].tolist() for name in names), strict=True
    ):
        length = sum(seen)
        kept = ids[:length]
        labels = [
            token if trained else common.UNTRAINED
            for token, trained in zip(kept, answer[:length], strict=True)
        ]
        yield common.row(kept, labels, None, role)


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    several(asked, Path(*sys.argv[2:]).absolute())
