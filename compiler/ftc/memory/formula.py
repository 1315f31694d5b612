"""Peak GPU memory of a fine-tuning run in closed form; docs/memory.md explains and judges it."""

from __future__ import annotations

from operator import itemgetter

from ftc.memory.evaluation import evaluation_moment
from ftc.memory.job import GIB, Estimate, Job
from ftc.memory.load import load_moment
from ftc.memory.modules import lora_parameters, parameters, unknown_targets
from ftc.memory.peaks import Moment, moments
from ftc.memory.phases import idle_bytes, lasting_bytes, slack_bytes
from ftc.memory.shape import Shape
from ftc.memory.widths import settled

__all__ = ["Estimate", "Job", "Shape", "estimate", "lora_parameters", "parameters"]


def estimate(shape: Shape, job: Job) -> Estimate:
    """Memory of one card in GiB, at the moment when it is fullest."""
    job = settled(shape, job)
    lasting = lasting_bytes(shape, job)
    states, context = lasting.states, lasting.context
    train = max(moments(shape, job, states.gradients), key=Moment.total)
    held = states.weights + states.reference
    lasted = held + states.adapter + states.optimizer + lasting.sharding
    dynamic = train.total()
    allocated = lasted + dynamic
    slack = slack_bytes(dynamic)
    needs = [(allocated + slack, train.name)]
    for base, moment in (
        (lasted, evaluation_moment(shape, job)),
        (held, load_moment(shape, job)),
    ):
        needs.append((base + moment.total() + slack_bytes(moment.total()), moment.name))
    need, peak_at = max(needs, key=itemgetter(0))
    return Estimate(
        weights=states.weights / GIB,
        reference=states.reference / GIB,
        adapter=states.adapter / GIB,
        optimizer=states.optimizer / GIB,
        gradients=states.gradients / GIB,
        dynamic=dynamic / GIB,
        parallel=lasting.sharding / GIB,
        context=context / GIB,
        allocated=allocated / GIB,
        reserved=(allocated + slack + idle_bytes(shape, job)) / GIB,
        needed=(need + context) / GIB,
        peak_at=peak_at,
        notes=_notes(shape, job),
    )


def _notes(shape: Shape, job: Job) -> tuple[str, ...]:
    """What the figure leaves out or takes on trust, one line each."""
    unknown = unknown_targets((*job.targets, *job.modules_to_save)) if not job.full else ()
    remarks = {
        f"not counted, sizes unknown: {', '.join(unknown)}": bool(unknown),
        f"base stored as {shape.quantized}, counted as 16-bit": bool(
            shape.quantized and not job.base_bits
        ),
        "preference losses: traced on a CPU, never compared with a run": job.preference,
        "fused loss has no effect on preference stages": job.preference and job.loss == "fused",
        "DoRA: derived from code, never compared with a run": job.dora,
        "experts stay in 16 bit: bitsandbytes quantises linear layers only": bool(
            shape.experts and job.base_bits and not job.experts_quantized
        ),
        "xIELU: without its CUDA wheel, which keeps much less": shape.activation == "xielu",
        "Liger's experts could not be traced: counted as without it": bool(
            shape.experts and job.liger
        ),
        "8-bit base: outlier columns are not counted": job.base_bits == 8,
        "several cards: compared with 13 published ZeRO-3 and FSDP runs only": job.gpus > 1,
        "main memory of a CPU run: compared with 13 runs of small models only": job.device == "cpu",
    }
    return tuple(text for text, applies in remarks.items() if applies)
