"""The recipe: what the user said, nothing else. Shape only; opinions live in `ftc.rules`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.locate import line_of
from ftc.part import Count, Part, Text

if TYPE_CHECKING:
    from ftc.augmentation import Augment
    from ftc.preparation import Prepare

MAX_BYTES = 1_000_000
SEED = 42  # of choices among rows, where the recipe says none; training.seed in the table too
Stage = Literal["sft", "pretrain", "dpo", "kto", "orpo"]
Method = Literal["auto", "full", "lora", "qlora"]
Task = Literal[
    "general",
    "chat",
    "classification",
    "code",
    "creative",
    "extraction",
    "qa",
    "reasoning",
    "style-transfer",
    "summarization",
    "tool-use",
    "translation",
]
Scheduler = Literal["cosine", "linear", "constant", "constant_with_warmup"]
Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit"]


class Model(Part):
    id: Text = Field(description="a local folder, or a hub id such as Qwen/Qwen2.5-7B-Instruct")
    revision: Text | None = Field(None, description="branch, tag or commit on the hub")
    family: Text | None = Field(None, description="chat template family, when ftc cannot tell it")


class Rows(Part):
    path: Text | None = Field(None, description="JSON, JSONL, CSV, Parquet or text file")
    hub: Text | None = Field(None, description="data set id on the hub, read through `datasets`")
    subset: Text | None = Field(None, description="configuration of the hub data set")
    split: Text = Field("train", description="split of the hub data set")
    revision: Text | None = Field(None, description="branch, tag or commit of the hub data set")
    format: Literal[
        "auto",
        "alpaca",
        "sharegpt",
        "messages",
        "segments",
        "text",
        "preference",
        "kto",
        "columns",
    ] = Field("auto", description="how a row is laid out; auto looks at the first rows")
    columns: dict[str, Text] | None = Field(
        None, description="role (prompt, input, output, ...) to column, with format = 'columns'"
    )
    samples: Count | None = Field(None, description="rows to use at most, chosen by seeded hash")
    system: Text | None = Field(None, description="system turn for rows that have none")


class Data(Rows):
    also: list[Rows] = Field(
        default_factory=list, description="further data sets, each read in its own way"
    )
    eval: float = Field(0.1, ge=0, lt=1, description="share of rows held out for evaluation")
    eval_path: Text | None = Field(None, description="file of held-out rows, instead of a share")
    on_overflow: Literal["drop", "error"] = Field("drop", description="rows over max_length")
    tokens: Literal["native", "exact"] = Field(
        "native",
        description="native: each tool makes tokens of the rows; exact: ftc, for both, as it does "
        "with rows of segments unless native is asked for",
    )

    @property
    def all(self) -> tuple[Rows, ...]:
        """All data sets, in their order."""
        return (self, *self.also)


class Hardware(Part):
    device: Literal["gpu", "cpu"] = Field("gpu", description="cpu trains in fp32, for small models")
    gpu: Text | None = Field(None, description="card name, such as RTX 4090 or A100 80GB")
    vram_gb: float | None = Field(None, gt=0, le=1024, description="GiB per card (the budget)")
    gpus: int = Field(1, ge=1, le=1024, description="number of cards")
    price_per_hour: float | None = Field(
        None, ge=0, le=10_000, description="price of one card for an hour, in your currency"
    )


class Lora(Part):
    rank: int | None = Field(None, ge=1, le=4096)
    alpha: float | None = Field(None, gt=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    targets: list[Text] | None = Field(None, min_length=1, description="module names")
    modules_to_save: list[Text] | None = Field(None, description="modules trained in full")
    bits: Literal[4, 8] | None = Field(None, description="quantisation of the base for qlora")
    dora: bool | None = None
    rslora: bool | None = None
    loraplus_lr_ratio: float | None = Field(None, gt=0)


class Training(Part):
    learning_rate: float | None = Field(None, gt=0, le=1)
    lr_scheduler: Scheduler | None = None
    min_lr_ratio: float | None = Field(None, ge=0, lt=1, description="floor of the cosine")
    warmup_steps: int | None = Field(None, ge=0)
    warmup_ratio: float | None = Field(
        None, ge=0, lt=1, description="share of all steps, instead of warmup_steps"
    )
    epochs: float | None = Field(None, gt=0)
    max_steps: int | None = Field(None, ge=1)
    effective_batch: int | None = Field(None, ge=1, description="rows per step over all cards")
    micro_batch: int | None = Field(None, ge=1, description="rows per card and forward pass")
    gradient_accumulation: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=8, description="tokens per row")
    packing: bool | None = None
    optimizer: Optimizer | None = None
    adam_beta1: float | None = Field(None, gt=0, lt=1)
    adam_beta2: float | None = Field(None, gt=0, lt=1)
    adam_epsilon: float | None = Field(None, gt=0)
    weight_decay: float | None = Field(None, ge=0, le=1)
    max_grad_norm: float | None = Field(None, ge=0)
    neftune_alpha: float | None = Field(None, gt=0)
    train_on_prompt: bool | None = None
    thinking: bool | None = Field(None, description="reasoning templates: train think blocks")
    seed: int | None = Field(None, ge=0, le=2**32 - 1)
    dtype: Literal["bf16", "fp16", "fp32"] | None = None
    tf32: bool | None = None
    attention: Literal["sdpa", "flash_attention_2", "eager"] | None = None
    gradient_checkpointing: bool | None = None
    liger_kernel: bool | None = Field(
        None, description="Liger's kernels: norms, rotary embedding, MLP and the loss"
    )
    zero_stage: Literal[0, 1, 2, 3] | None = Field(None, description="DeepSpeed ZeRO")
    offload_optimizer: bool | None = None
    eval_steps: int | None = Field(None, ge=1)
    evals_per_epoch: int | None = Field(None, ge=1, description="instead of eval_steps")
    eval_batch: int | None = Field(None, ge=1)
    save_steps: int | None = Field(None, ge=1)
    saves_per_epoch: int | None = Field(None, ge=1, description="instead of save_steps")
    save_total_limit: int | None = Field(None, ge=1)
    load_best: bool | None = None
    logging_steps: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _once(self) -> Training:
        for share, steps in SHARES.items():
            if getattr(self, share) is not None and getattr(self, steps) is not None:
                text = f"one of {steps} and {share}, not both"
                raise PydanticCustomError("twice", "{text}", {"text": text})
        return self


# What may be said by a share of the run, or of an epoch, in the place of steps.
SHARES = {
    "warmup_ratio": "warmup_steps",
    "evals_per_epoch": "eval_steps",
    "saves_per_epoch": "save_steps",
}


class Preference(Part):
    beta: float | None = Field(None, ge=0)
    loss: Literal["sigmoid", "hinge", "ipo"] | None = None
    desirable_weight: float | None = Field(None, gt=0)
    undesirable_weight: float | None = Field(None, gt=0)


class Factors(Part):
    prefer: Literal["guide", "published"] = Field(
        "guide", description="which side decides where the guide and published values conflict"
    )
    tables: list[Text] = Field(default_factory=list, description="your own tables, laid on top")


class Compare(Part):
    prompts: list[Text] = Field(default_factory=list, description="answered before and after")
    max_new_tokens: int = Field(160, ge=1, le=8192)


class Backends(Part):
    axolotl: dict[str, Any] = Field(default_factory=dict)
    llamafactory: dict[str, Any] = Field(default_factory=dict)


def _model(value: Any) -> Any:
    return {"id": value} if isinstance(value, str) else value


class Recipe(Part):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="names folders")
    model: Annotated[Model, BeforeValidator(_model)]
    data: Data = Field(default_factory=Data)
    task: Task = "general"
    stage: Stage = "sft"
    method: Method = "auto"
    hardware: Hardware = Field(default_factory=Hardware)
    lora: Lora = Field(default_factory=Lora)
    training: Training = Field(default_factory=Training)
    preference: Preference = Field(default_factory=Preference)
    factors: Factors = Field(default_factory=Factors)
    compare: Compare = Field(default_factory=Compare)
    backend: Backends = Field(default_factory=Backends)
    prepare: Any = Field(None, description="raw material and what is done to it: ftc prepare")
    augment: Any = Field(None, description="what models make of the rows: ftc augment")

    @property
    def seed(self) -> int:
        """What choices among rows depend on: samples, what is held out, seeds of new rows."""
        return SEED if self.training.seed is None else self.training.seed

    @property
    def preparation(self) -> Prepare | None:
        """`[prepare]`, which is read by itself: most recipes have none, and its shape is large."""
        return self.prepare  # type: ignore[no-any-return]

    @property
    def augmentation(self) -> Augment | None:
        """`[augment]`, read by itself too."""
        return self.augment  # type: ignore[no-any-return]


# What other tools and the guide call our settings: for did-you-mean and `ftc explain`.
SYNONYMS: dict[str, str] = {
    "base_model": "model",
    "model_name_or_path": "model",
    "num_train_epochs": "training.epochs",
    "num_epochs": "training.epochs",
    "batch_size": "training.micro_batch",
    "micro_batch_size": "training.micro_batch",
    "per_device_train_batch_size": "training.micro_batch",
    "gradient_accumulation_steps": "training.gradient_accumulation",
    "max_seq_length": "training.max_length",
    "cutoff_len": "training.max_length",
    "context_length": "training.max_length",
    "sequence_len": "training.max_length",
    "lr": "training.learning_rate",
    "lr_scheduler_type": "training.lr_scheduler",
    "lora_r": "lora.rank",
    "lora_rank": "lora.rank",
    "r": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "lora_target": "lora.targets",
    "lora_target_modules": "lora.targets",
    "finetuning_type": "method",
    "adapter": "method",
    "optim": "training.optimizer",
    "num_samples": "data.samples",
    "max_samples": "data.samples",
    "val_size": "data.eval",
    "val_set_size": "data.eval",
    "vram": "hardware.vram_gb",
    "dataset": "data",
    "flash_attention": "training.attention",
    "flash_attn": "training.attention",
    "deepspeed": "training.zero_stage",
    "liger": "training.liger_kernel",
    "enable_liger_kernel": "training.liger_kernel",
    "use_liger_kernel": "training.liger_kernel",
    "liger_fused_linear_cross_entropy": "training.liger_kernel",
    "price": "hardware.price_per_hour",
    "pref_beta": "preference.beta",
    "rl_beta": "preference.beta",
    "rl": "stage",
}


def load(path: Path) -> Recipe:
    """Read and check a recipe file; FtcError lists every fault with file, line and nearest name."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a recipe file, or an FtcError that says why it cannot be one."""
    if path.is_dir():
        raise FtcError(f"{path}: is a folder, not a recipe", hint="name the .toml file in it")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FtcError(
                f"{path}: is {path.stat().st_size / 1e6:.0f} MB; a recipe is a small TOML file",
                hint="give the data file in [data] path, and the recipe here",
            )
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise FtcError(
            f"{path}: no such file", hint="make one with: ftc init DATA_FILE --out recipe.toml"
        ) from error
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FtcError(
            f"{path}: is not UTF-8 text (byte {error.start})", hint="save the file as UTF-8"
        ) from error
    if not text.strip():
        raise FtcError(f"{path}: is empty", hint="make a recipe with: ftc init DATA_FILE")
    return text


def parse(text: str, name: str) -> Recipe:
    """A recipe from TOML text; `name` stands for the file in messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FtcError(f"{name}: is not TOML: {error}", hint="see docs/recipe.md") from error
    faults: list[str] = []
    for table in _APART:
        if table in raw:
            try:
                raw[table] = _apart(table).model_validate(raw[table])
            except ValidationError as error:
                faults += [_fault(text, name, (table,), fault) for fault in error.errors()]
    if "prepare" not in raw and "data" not in raw:
        faults.append(f"{name}: data: missing; it must be given, or [prepare] with its sources")
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        faults += [_fault(text, name, (), fault) for fault in error.errors()]
    if faults:
        raise FtcError("\n".join(faults), hint="docs/recipe.md lists every key")
    return recipe


_APART = ("prepare", "augment")  # large tables that most recipes do without


def _apart(table: str) -> type[Part]:
    if table == "prepare":
        from ftc.preparation import Prepare  # noqa: PLC0415 - start-up cost

        return Prepare
    from ftc.augmentation import Augment  # noqa: PLC0415 - start-up cost

    return Augment


def _fault(text: str, name: str, table: tuple[str, ...], fault: Any) -> str:
    path = (*table, *fault["loc"])
    line = line_of(text, path)
    place = f"{name}:{line}" if line else name
    dotted = "".join(f"[{it + 1}]" if isinstance(it, int) else f".{it}" for it in path)[1:]
    words = [part for part in path if isinstance(part, str)]
    if fault["type"] == "extra_forbidden":
        return f"{place}: {dotted}: unknown key{_meant(words)}"
    if fault["type"] == "missing":
        return f"{place}: {dotted}: missing; it must be given"
    expected = fault["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if fault["type"] == "string_pattern_mismatch":
        expected = "letters, digits, dots, dashes and underscores, 64 at most"
    given = fault["input"]
    if fault["type"] in ("too_short", "string_too_short"):
        expected = "something in it"
    if fault["type"] == "list_type" and isinstance(given, dict):
        expected = f"a list of tables: [[{dotted}]]"
    said = "" if isinstance(given, dict) else f"is {given!r}; "
    return f"{place}: {dotted}: {said}expected {expected}"


def _meant(path: list[str]) -> str:
    known = keys(path[:-1])
    guess = nearest(path[-1], known) or SYNONYMS.get(path[-1], "") or _elsewhere(path[-1])
    return f"; did you mean {guess}?" if guess else f"; known here: {', '.join(sorted(known))}"


def _elsewhere(key: str) -> str:
    """The dotted path of a key that exists, but in another table."""
    tables = [name for name in Recipe.model_fields if name != "backend"]
    return next((f"{table}.{key}" for table in tables if key in keys([table])), "")


def keys(path: list[str]) -> list[str]:
    """The keys that the recipe language knows in the table at `path`."""
    shape: type[BaseModel] = Recipe
    named = False  # tables by names of the user's
    for part in path:
        if named:
            named = False
            continue
        field = shape.model_fields.get(part)
        inner = shape_of(part, field.annotation) if field else None
        if field is None or inner is None:
            return []
        shape, named = inner, get_origin(field.annotation) is dict
    return list(shape.model_fields)


def shape_of(name: str, annotation: Any) -> type[Part] | None:
    """The shape of a key that is a table, an array of tables, or tables by name; else None."""
    if name in _APART:
        return _apart(name)
    found = [annotation, *get_args(annotation)]
    return next((it for it in found if isinstance(it, type) and issubclass(it, Part)), None)
