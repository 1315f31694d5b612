"""Whatever a config.json says: a shape of sane sizes, or one line that names file, key and wish."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ftc.errors import FtcError
from ftc.facts import architecture, model
from ftc.memory.modules import linears, lora_parameters, parameters

KINDS = ("", "newmodel", *architecture.known())
KEYS = sorted(
    {
        *(key for row in model.catalogued() for key in row if key not in ("ids", "checked")),
        *(key for row in architecture.known().values() for key in row.get("defaults", ())),
        *(key for row in architecture.known().values() for key in row.get("keys", {}).values()),
        *("mlp_only_layers", "decoder_sparse_step", "layer_types", "moe_layers", "mlp_layer_types"),
        *("num_ln_in_parallel_attn", "llm_config", "is_encoder_decoder", "quantization_config"),
        *("sliding_window_pattern", "audio_config", "use_sliding_window", "mamba_d_state"),
    }
)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "8", "silu", "null", "full_attention", "dense"])
)
values = plain | st.lists(plain, max_size=4) | st.dictionaries(st.sampled_from(KEYS), plain)
SOUND = {
    "hidden_size": 64,
    "n_embd": 64,
    "num_hidden_layers": 3,
    "n_layer": 3,
    "num_attention_heads": 4,
    "n_head": 4,
    "vocab_size": 100,
}


@settings(deadline=None, max_examples=600)
@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
    st.booleans(),
)
def test_any_config_gives_a_sane_shape_or_one_clear_line(kind, changes, nested):
    config = {"model_type": kind, **SOUND, **changes}
    if nested:
        config = {"model_type": "gemma3", "text_config": config, "vision_config": changes}
    try:
        shape = architecture.shape(config, "models/m/config.json")
    except FtcError as error:
        assert str(error).startswith("models/m/config.json: ")
        assert "\n" not in str(error)
        assert len(str(error)) < 300
        assert error.hint
        return
    for name, value in vars(shape).items():
        assert not isinstance(value, int) or value >= 0, name
    assert shape.dense_layers <= shape.layers
    assert shape.sliding_layers <= shape.layers
    assert all(linear.inputs >= 0 and linear.outputs >= 0 for linear in linears(shape))
    counted = (parameters(shape), lora_parameters(shape, 16, shape.modules))
    assert all(count >= 0 and math.isfinite(count) for count in counted)
    assert parameters(shape) > 0
