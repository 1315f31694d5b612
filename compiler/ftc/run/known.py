"""Errors of the backends that ftc recognises, each with what to change, in the recipe's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """An error that is recognised in a line of the log: `what` it is, what to change (`remedy`).

    `passes`: the machine is at fault, not the recipe, so the same run can go on afterwards.
    """

    name: str
    pattern: str
    what: str
    remedy: str
    passes: bool = False


_SMALLER = (
    "set training.micro_batch = 1 (ftc raises gradient_accumulation for it), then a smaller "
    'training.max_length, training.gradient_checkpointing = true, or method = "qlora"'
)
NO_MEMORY = Known(
    "killed",
    "",
    "the operating system killed it, most likely because memory ran out",
    "take a smaller model or training.max_length, set training.micro_batch = 1, "
    "or use a machine with more memory; dmesg tells",
    passes=True,
)
NOT_A_NUMBER = Known(
    "loss-not-a-number",
    "",
    "the loss is not a number any more: what was learnt is worthless",
    "lower training.learning_rate, set training.max_grad_norm = 1.0; with training.dtype = "
    '"fp16" take "bf16" or "fp32"',
)

# The first that matches decides: what is special stands before what is general.
KNOWN: tuple[Known, ...] = (
    Known(
        "cuda-out-of-memory",
        r"CUDA out of memory|torch\.(cuda\.)?OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
        "the card ran out of memory",
        _SMALLER + "; hardware.vram_gb should say what is really free",
    ),
    Known(
        "out-of-memory",
        r"DefaultCPUAllocator: (can't|not enough)|^MemoryError|Cannot allocate memory|"
        r"exitcode ?: -9|Signal 9 \(SIGKILL\)",
        "the machine ran out of memory",
        "take a smaller model or training.max_length, or set training.micro_batch = 1",
    ),
    Known(
        "disk-full",
        r"No space left on device|Errno 28|Disk quota exceeded|"
        r"inline_container\.cc.*unexpected pos|PytorchStreamWriter failed writing",
        "the disk is full",
        "make room, set training.save_total_limit = 1, or choose another place for runs",
        passes=True,
    ),
    Known(
        "flash-attention-missing",
        r"(?i)flash[_-]?attn\b.*(not (been )?(installed|found)|seems to be not installed|"
        r"is not available)|No module named 'flash_attn'|FlashAttention2 has been toggled on, but",
        "flash-attn is not installed in the backend's environment",
        'set training.attention = "sdpa"',
    ),
    Known(
        "flash-attention-card",
        r"FlashAttention only supports|FlashAttention.*(Ampere|only support fp16)",
        "this card or precision is not one that flash-attn can do",
        'set training.attention = "sdpa"',
    ),
    Known(
        "bitsandbytes-missing",
        r"No module named 'bitsandbytes'|requires? (the latest version of )?[`']?bitsandbytes|"
        r"(?i:pip install .*bitsandbytes)|No package metadata was found for bitsandbytes|"
        r"Using `bitsandbytes` .*requires",
        "bitsandbytes is not installed in the backend's environment, or too old",
        'set method = "lora" and training.optimizer = "adamw_torch"; or install the full '
        "environment: ftc backend install NAME",
    ),
    Known(
        "bitsandbytes-cuda",
        r"bitsandbytes.*(CUDA Setup failed|not compiled with GPU|"
        r"libbitsandbytes_\w+\.so)|CUDA is required but not available for bitsandbytes|"
        r"(named symbol not found|no kernel image).*ops\.cu",
        "bitsandbytes cannot use this card",
        'set method = "lora", and training.optimizer = "adamw_torch"',
    ),
    Known(
        "kernel-image",
        r"no kernel image is available for execution|CUDA error: invalid device function|"
        r"is not compatible with the current PyTorch installation",
        "the environment's torch was not built for this card",
        "run ftc backend doctor; a card older than the build needs an older CUDA build of torch",
    ),
    Known(
        "bf16-unsupported",
        r"(?i)(your setup doesn't support bf16|bf16 .*(not supported|unsupported|requested, but "
        r"AMP is not supported)|current device does not support bf16|"
        r"device does not support `?bf(loat)?16)",
        "this device has no bf16",
        'set training.dtype = "fp32" on a CPU, "fp16" on an older card',
    ),
    Known(
        "tf32-unsupported",
        r"--tf32 requires|tf32 (is )?(not|only) (supported|available)",
        "this device has no tf32",
        "set training.tf32 = false",
    ),
    Known(
        "no-gpu",
        r"Torch not compiled with CUDA enabled|No CUDA GPUs are available|"
        r"Found no NVIDIA driver|CUDA driver version is insufficient|CUDA is not available",
        "there is no CUDA device that the backend can use",
        'set hardware.device = "cpu" for a small model, or install the full environment on a '
        "machine with a card: ftc backend install NAME",
    ),
    Known(
        "model-not-found",
        r"RepositoryNotFoundError|404 Client Error|is not a local folder and is not a valid model|"
        r"Repository Not Found|Repo id must (be|use)|"
        r"does not appear to have (a file named|files named)|no file named .*safetensors",
        "the model was not found, or lacks a file",
        "check model.id and model.revision; a private model needs a login: `hf auth login`",
    ),
    Known(
        "gated-model",
        r"(?<!private or )gated repo|GatedRepoError|401 Client Error|403 Client Error|"
        r"Access to model .* is restricted|You must have access to it and be authenticated",
        "the model is behind an agreement or a login",
        "accept its terms on the hub and log in with `hf auth login`, or set model.id to a "
        "folder that you have, or to a model without a gate",
    ),
    Known(
        "not-found-offline",
        r"OfflineModeIsEnabled|outgoing traffic has been disabled|"
        r"couldn't connect to ['\"]?https://huggingface\.co|We couldn't connect to|"
        r"LocalEntryNotFoundError|Cannot find an appropriate cached snapshot|"
        r"Cannot reach https://huggingface\.co|Max retries exceeded with url",
        "the model or data set is not on this machine, and the hub cannot be reached",
        "leave --offline out, or set model.id to a local folder",
    ),
    Known(
        "checkpoint-mismatch",
        r"size mismatch for|Error\(s\) in loading state_dict|"
        r"loaded state dict (contains|has) a|Can't find a valid checkpoint at|"
        r"doesn't match the size of|No valid checkpoint found",
        "the checkpoint and the recipe do not fit each other",
        "leave --resume out: a run starts anew in a folder of its own",
    ),
    Known(
        "template",
        r"TemplateError|jinja2\.exceptions|Conversation roles must alternate|"
        r"chat_template is (not set|null)|no chat template|System role not supported|"
        r"Template \S+ does not exist",
        "the tokenizer's chat template is missing, or refuses these rows",
        "set model.family, or mend the rows: turns must alternate, some models take no system turn",
    ),
    Known(
        "row-too-long",
        r"Sequence encountered with \d+ tokens, which exceeds|"
        r"(?i:exceeds? (the )?(maximum )?sequence[ _]len|longer than (the )?(maximum )?sequence)",
        "a row is longer than training.max_length",
        "build again so that ftc counts tokens anew; if it stays, raise training.max_length",
    ),
    Known(
        "native-key",
        r"Some keys are not used by the HfArgumentParser|Some specified arguments are not used",
        "the config has a key that this version of the backend does not know",
        "take it out of [backend.llamafactory]; the line above names it",
    ),
    Known(
        "no-rows",
        r"num_samples should be a positive integer value|Cannot find valid samples|"
        r"[Nn]o (valid )?samples (left|found|remain)|dataset is empty|max\(\) arg is an empty",
        "no row was left to train on",
        "check data.path and training.max_length; ftc plan shows how many rows there are",
    ),
    Known(
        "not-a-number",
        r"(?i:loss is nan|nan loss|found nan|probability tensor contains either `?inf`?, `?nan)",
        NOT_A_NUMBER.what,
        NOT_A_NUMBER.remedy,
    ),
    Known(
        "port-in-use",
        r"EADDRINUSE|[Aa]ddress already in use",
        "another distributed run on this machine holds the port",
        "wait for it, or set MASTER_PORT to a free port",
        passes=True,
    ),
    Known(
        "deepspeed-missing",
        r"No module named 'deepspeed'|requires DeepSpeed|pip install .*deepspeed|"
        r"deepspeed .*is not installed|No package metadata was found for deepspeed",
        "DeepSpeed is not installed in the backend's environment",
        "set training.zero_stage = 0, or install the full environment: ftc backend install NAME",
    ),
    Known(
        "deepspeed-compile",
        r"Unable to JIT load the \w+ op|Error building extension|CUDA_HOME does not exist|"
        r"MissingCUDAException|installed cuda version .* does not match",
        "DeepSpeed cannot compile its kernels here",
        'set training.offload_optimizer = false and training.optimizer = "adamw_torch", '
        "or install the CUDA toolkit that torch was built with",
    ),
    Known(
        "nccl",
        r"ncclSystemError|ncclUnhandledCudaError|NCCL (error|timeout)|"
        r"Watchdog caught collective operation timeout",
        "the cards could not talk to each other",
        "set hardware.gpus = 1 to see whether one card trains; NCCL_DEBUG=INFO says more",
        passes=True,
    ),
    Known(
        "vocabulary",
        r"index out of range in self|device-side assert triggered|IndexError: piece id",
        "a token has no row in the model's embedding",
        "check that model.id holds the tokenizer of this very model, and model.family",
    ),
    Known(
        "unknown-architecture",
        r"does not recognize this architecture|model type `?\w+`? but Transformers does not",
        "this version of the backend does not know the model's architecture",
        "take the newest version of the backend, or another model",
    ),
    Known(
        "remote-code",
        r"trust_remote_code=True",
        "the model brings code of its own, which is not run unasked",
        "take a model whose architecture transformers knows",
    ),
    Known(
        "lora-targets",
        r"Target modules .* not found in the base model|No modules were targeted for adaptation",
        "the model has none of the layers that lora.targets names",
        "leave lora.targets out: ftc then takes all linear layers of the model",
    ),
    Known(
        "version-mismatch",
        r"(is required for a normal functioning of this module|"
        r"ImportError: cannot import name|ModuleNotFoundError: No module named|"
        r"undefined symbol:|To fix: run `pip install)",
        "a package is missing from the backend's environment, or has another version",
        "make the environment anew: ftc backend install NAME --force; ftc backend doctor says more",
    ),
)
