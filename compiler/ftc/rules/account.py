"""The known faults that no rule looks for: those that ftc cannot write, and those left for later.

Together with `RULES` every fault of the catalogue (A01 to G06) stands in exactly one place.
"""

from __future__ import annotations

from typing import NamedTuple

WRITTEN = "test_rules_held.py::test_what_is_written"
INFO_WRITTEN = "test_rules_held.py::test_dataset_info"


class Held(NamedTuple):
    """A fault that cannot happen to what ftc writes: why, and the test that holds it.

    `rule` names the rule that finds it when a native key of the recipe brings it back.
    """

    research: str
    name: str
    why: str
    test: str = WRITTEN
    rule: str = ""


class Later(NamedTuple):
    """A fault that is not looked for yet, and what it would need."""

    research: str
    name: str
    needs: str


HELD: tuple[Held, ...] = (
    Held(
        "A01",
        "config-suffix",
        "the JSON is handed to LLaMA-Factory in a file named .yaml",
        "test_rules_held.py::test_json_is_handed_over_as_yaml",
    ),
    Held(
        "A03",
        "scalar-type",
        "a template's text is parsed again and must give the same values and types",
        "test_rules_held.py::test_text_gives_the_same_values",
        "native-wrong-value",
    ),
    Held(
        "A04",
        "yaml-no",
        "words such as no are quoted; the text is parsed again",
        "test_rules_held.py::test_text_gives_the_same_values",
        "native-wrong-value",
    ),
    Held(
        "A06",
        "removed-in-tf5",
        "every key that is written stands in the schema of the version",
        "test_rules_held.py::test_every_key_is_known",
        "native-unknown-key",
    ),
    Held(
        "A07",
        "warmup-fraction-in-steps",
        "warm-up is a whole number of steps",
        rule="native-warmup",
    ),
    Held("A09", "warmup-both", "a warm-up ratio is never written", rule="native-warmup"),
    Held(
        "A11",
        "shared-venv",
        "each backend and version has an environment of its own",
        "test_rules_held.py::test_each_version_has_its_own_environment",
    ),
    Held("A15", "seed-missing", "the seed is always written"),
    Held("A16", "example-leftover", "max_samples is never written", rule="native-max-samples"),
    Held("A18", "report-to", "reporting to a server is always written off"),
    Held(
        "A19",
        "non-ascii-config",
        "dataset_info.json is ASCII",
        "test_rules_held.py::test_dataset_info_is_ascii",
    ),
    Held(
        "B01",
        "lora-4bit-name",
        "4 bits are written as adapter qlora, 8 bits as lora",
        rule="native-lora-4bit",
    ),
    Held(
        "B02",
        "qlora-name-lf",
        "QLoRA is written as lora with quantization_bit",
        rule="native-finetuning-type",
    ),
    Held(
        "B03",
        "lora-fields-missing",
        "rank, alpha and targets are always written",
        rule="native-lora-cleared",
    ),
    Held("B04", "alpha-implicit", "alpha is always written", rule="native-lora-cleared"),
    Held("B15", "bnb-fsdp", "FSDP is never written", rule="native-fsdp-quantised"),
    Held("B18", "new-token-untrained", "no token is added", rule="native-new-tokens"),
    Held("B21", "resize-quantised", "resize_vocab is never written", rule="native-resize-vocab"),
    Held("B24", "pissa-dora-on-quant", "PiSSA is written off", rule="native-pissa-quantised"),
    Held(
        "B26",
        "optimizer-extra-missing",
        "the recipe's optimizers are in both tools",
        "test_rules_held.py::test_every_optimizer_is_in_both_tools",
        "native-wrong-value",
    ),
    Held(
        "C09",
        "lf-openai-formatting",
        "chats are written as sharegpt",
        INFO_WRITTEN,
        rule="native-openai-format",
    ),
    Held("C13", "mask-policy", "both tools' keys for the prompt's loss are written"),
    Held(
        "C14",
        "multi-turn-policy",
        "every answer of a chat is trained in both tools",
        rule="native-mask-history",
    ),
    Held(
        "C15",
        "role-alternation",
        "a row whose turns do not alternate is refused with its line",
        "test_data_formats.py::test_bad_row_is_named_and_the_others_stay",
    ),
    Held(
        "C18",
        "legacy-prompt-style",
        "every row becomes a chat and goes through the model's own template",
        rule="native-template",
    ),
    Held(
        "C19",
        "unknown-role",
        "a row with an unknown role is refused with its line",
        "test_data_formats.py::test_bad_row_is_named_and_the_others_stay",
    ),
    Held("D01", "dataset-info-key", "dataset_info.json holds known keys only", INFO_WRITTEN),
    Held("D02", "dataset-info-partial-columns", "every column in use is named", INFO_WRITTEN),
    Held("D03", "dataset-info-partial-tags", "all seven tags are named", INFO_WRITTEN),
    Held(
        "D04",
        "column-missing",
        "a file with other columns ends with their names and a way out",
        "test_data_formats.py::test_other_columns_are_an_error_with_a_way_out",
    ),
    Held(
        "D05",
        "file-format",
        "the content decides how a file is read, not its name",
        "test_data_read.py::test_file",
    ),
    Held(
        "D06",
        "path-vs-hub",
        "a file and a hub data set are two keys of the recipe",
        "test_data_read.py::test_missing_file_that_looks_like_a_hub_id",
    ),
    Held("D09", "seq-len-default", "the length is always written", rule="native-length"),
    Held(
        "D18",
        "prepared-cache-stale",
        "Axolotl's cache lies inside the run folder",
        rule="native-stale-cache",
    ),
    Held(
        "D19",
        "tokenized-path-stale",
        "tokenized_path is never written",
        rule="native-stale-cache",
    ),
    Held("D23", "val-size-shape", "ftc splits; both tools are told zero", rule="native-val-split"),
    Held("D25", "streaming-max-steps", "nothing is streamed, and max_steps is always written"),
    Held(
        "E01",
        "naive-packing",
        "packing is written with neat_packing",
        rule="native-naive-packing",
    ),
    Held("E04", "eval-packing-small", "held-out rows are never packed"),
    Held("E06", "lf-pt-packing-implicit", "packing is written in pre-training too"),
    Held(
        "E19",
        "reentrant-ddp",
        "checkpointing is never reentrant",
        rule="native-reentrant",
    ),
    Held("E20", "checkpointing-default", "gradient checkpointing is always written"),
    Held("E22", "rope-not-applied", "no RoPE method is written", rule="native-rope-scaling"),
    Held(
        "E24",
        "tf32-and-determinism",
        "no recipe key asks for bit-equal runs; kernels that differ are written off",
    ),
    Held(
        "F01",
        "ax-evals-one",
        "evaluation is written in whole steps",
        rule="native-evals-per-epoch",
    ),
    Held("F02", "split-without-schedule", "held-out rows come with a strategy and steps"),
    Held(
        "F03",
        "ax-best-model-float",
        "evaluating and saving are written in whole steps",
        rule="native-evals-per-epoch",
    ),
    Held("F06", "early-stop-per-epoch", "early stopping is never written"),
    Held(
        "F07",
        "auto-resume",
        "every run has a folder of its own",
        "test_run_handover.py::test_runs_never_share_a_folder",
    ),
    Held(
        "F08",
        "resume-drift",
        "a run goes on only with the build that began it",
        "test_run_handover.py::test_resume_refuses_what_is_not_the_same_run",
    ),
    Held(
        "F11",
        "predict-with-zero3",
        "nothing is generated while evaluating",
        rule="native-predict-zero3",
    ),
    Held("G05", "stage-ranking", "ranking is written by the stage", INFO_WRITTEN),
)

_TOKENS = "the tokens and labels of both tools"
_AUGMENT = "augmentation, which is not there yet"

LATER: tuple[Later, ...] = (
    Later("B22", "merge-into-quantised", "merging an adapter, which is not there yet"),
    Later("C04", "template-parity", _TOKENS),
    Later("C05", "train-serve-template", "the server's template, and the tokens it gives"),
    Later("C06", "double-bos", _TOKENS),
    Later("C07", "no-bos", _TOKENS),
    Later("C08", "pad-is-eos", f"{_TOKENS}; read: both pad labels with -100"),
    Later("C12", "mask-boundary", _TOKENS),
    Later("C17", "eot-multi-token", _TOKENS),
    Later("D14", "augment-before-split", _AUGMENT),
    Later("D15", "aug-null-rows", _AUGMENT),
    Later("D16", "aug-stale-cache", _AUGMENT),
    Later("D17", "aug-cost-unknown", _AUGMENT),
    Later("D26", "aug-ratio", _AUGMENT),
    Later("E25", "qlora-oom-tf5", "a card, to see whether the supported versions still have it"),
    Later("E26", "disk-budget", "the free disk of the machine that trains"),
)
