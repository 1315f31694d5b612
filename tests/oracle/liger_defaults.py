"""What Liger switches on by itself for each model type; printed as JSON: type -> {kernel: on}."""

import inspect
import json

from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN as KNOWN

print(
    json.dumps(
        {
            name: {
                part.name: part.default
                for part in inspect.signature(apply).parameters.values()
                if isinstance(part.default, bool)
            }
            for name, apply in KNOWN.items()
        }
    )
)
