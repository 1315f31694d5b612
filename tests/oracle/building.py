"""Builds a case's model: the real transformers modules and peft adapters, made of fake tensors."""

from __future__ import annotations

from typing import Any

import fused_lora
import liger
import peft
import torch
import transformers
from peft.tuners.lora.layer import Linear as LoraLinear
from standins import FREE, Dropout, Linear4, LoraLinear4
from torch import nn

WIDTHS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def model(case: dict[str, Any]) -> nn.Module:
    """The model on torch's meta device, with adapters, quantised and set to checkpoint."""
    job = case["job"]
    if job["liger"]:
        liger.apply(case["config"]["model_type"])
    config = transformers.AutoConfig.for_model(**case["config"])
    config.use_cache = False
    if hasattr(config, "num_local_experts") or hasattr(config, "num_experts"):
        config._experts_implementation = "grouped_mm"
    full = job["method"] == "full"
    dtype = WIDTHS[job["master"] if full and job["dtype"] != "fp32" else job["dtype"]]
    kind = {"flash_attention_2": FREE, "sdpa": "sdpa" if job["padding"] else FREE}
    attention = kind.get(job["attention"], job["attention"])
    with torch.device("meta"):
        made = transformers.AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation=attention
        )
        if job["method"] == "qlora":
            _quantise(made, job["double_quant"])
        if job["upcast_embeddings"]:
            _upcast(made)
        if job["gradient_checkpointing"]:
            made.gradient_checkpointing_enable({"use_reentrant": False})
        if not full:
            made = _adapted(made, job)
        if job["lora_kernels"]:
            fused_lora.apply(made)
    made.train()
    return made


def _quantise(made: nn.Module, double_quant: bool) -> None:
    """Every nn.Linear but the head, as transformers' bitsandbytes integration does."""
    for name, layer in list(made.named_modules()):
        if type(layer) is nn.Linear and not name.endswith("lm_head"):
            made.set_submodule(name, Linear4(layer, double_quant))


def _upcast(made: nn.Module) -> None:
    """peft's `prepare_model_for_kbit_training`: all that is not packed, in fp32."""
    for parameter in made.parameters():
        if parameter.dtype in (torch.bfloat16, torch.float16):
            parameter.data = parameter.data.to(torch.float32)


def _adapted(made: nn.Module, job: dict[str, Any]) -> nn.Module:
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    if job["gradient_checkpointing"]:  # as peft does, `PeftModel.__init__`
        made.enable_input_require_grads()
    config = peft.LoraConfig(
        r=job["rank"],
        lora_alpha=2 * job["rank"],
        lora_dropout=job["dropout"],
        target_modules=list(job["targets"]),
        modules_to_save=list(job["modules_to_save"]) or None,
        use_dora=job["dora"],
        task_type="CAUSAL_LM",
    )
    config._register_custom_module({Linear4: LoraLinear4, nn.Linear: LoraLinear})
    fp32 = job["adapter_dtype"] == "fp32"
    adapted = peft.get_peft_model(made, config, autocast_adapter_dtype=fp32)
    if not fp32:  # peft brings adapters to the base's type, but not on the meta device
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.to(WIDTHS[job["dtype"]])
    if job["saved_dtype"] == "fp32":  # as LLaMA-Factory upcasts all that is trained
        for name, parameter in adapted.named_parameters():
            if "modules_to_save" in name:
                parameter.data = parameter.data.to(torch.float32)
    for layer in list(adapted.modules()):
        for name, child in list(layer.named_children()):
            if type(child) is nn.Dropout and child.p > 0:
                layer._modules[name] = Dropout(child.p)
    return adapted


def materialise(made: nn.Module) -> list[torch.Tensor]:
    """Put empty fake tensors in place of meta ones; a tied weight stays one. Returns them all."""
    known: dict[int, torch.Tensor] = {}
    originals = []  # keeps them alive, so that no id is used twice

    def fake(old: torch.Tensor) -> torch.Tensor:
        if id(old) not in known:
            new = torch.empty(old.shape, dtype=old.dtype)
            if isinstance(old, nn.Parameter):
                new = nn.Parameter(new, requires_grad=old.requires_grad)
                new.__dict__.update(old.__dict__)
            known[id(old)] = new
            originals.append(old)
        return known[id(old)]

    for layer in made.modules():
        for store in (layer._parameters, layer._buffers, layer.__dict__):
            for name, value in list(store.items()):
                if isinstance(value, torch.Tensor):
                    store[name] = fake(value)
    return list(known.values())
