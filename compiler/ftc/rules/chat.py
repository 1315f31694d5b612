"""Faults of chat templates: the wrong one, none, or one that hides something."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault, path, share

DEFAULT_SYSTEM = ("You are Qwen", "You are a helpful", "You are an AI", "Cutting Knowledge Date")


def template_missing(case: Case) -> Iterator[Fault]:
    """No chat template family is known for this model.

    LLaMA-Factory writes its own template, by name; without a name it guesses, or takes an empty one
    that never ends an answer. With tokens = "exact" the template stands in no tool's hands.

    Source: LLaMA-Factory#2509; LLaMA-Factory `data/template.py::parse_template`.
    """
    if case.plan.tokens == "exact" or not case.version("llamafactory"):
        return
    if case.chats and not case.plan.family:
        text = "the chat template family of this model is not known to ftc"
        yield Fault(path("family"), text, "set model.family, such as 'chatml' or 'llama3'")


def template_family(case: Case) -> Iterator[Fault]:
    """The template family named in the recipe is not that of the model.

    Its end-of-turn token does not occur in the model's own chat template. With the wrong family
    accuracy was seen to fall to half.

    Source: LLaMA-Factory#2509 (26 % with `default`, 57 % with `qwen`), #5489, #5986.
    """
    tokenizer, end = case.facts.model.tokenizer, case.plan.turn_end
    if not case.chats or not case.recipe.model.family or not end:
        return
    if tokenizer is None or not tokenizer.chat_template:
        return
    if not _emits(tokenizer.chat_template, end, tokenizer.eos):
        text = f"family {case.plan.family} ends a turn with {end}, which the model never writes"
        yield Fault(path("family"), text, "leave model.family out, or take the model's own")


def terminator_untrained(case: Case) -> Iterator[Fault]:
    """The token that ends an answer is never trained.

    Axolotl trains the end of a turn only when the template writes the token that it was told, or
    the tokenizer's end-of-text token. A model that never learns to stop goes on and on.

    Source: axolotl#3754, axolotl PR#3756; LLaMA-Factory#5145; unsloth#416.
    """
    tokenizer = case.facts.model.tokenizer
    if case.plan.stage != "sft" or not case.chats:
        return
    if case.recipe.model.family or not case.version("axolotl"):
        return
    if tokenizer is None or not tokenizer.chat_template:
        return
    end = case.plan.turn_end or tokenizer.eos
    if not end or not _emits(tokenizer.chat_template, end, tokenizer.eos):
        text = f"the model's chat template never writes {end or 'an end-of-turn token'}"
        yield Fault(path("family"), text, "set model.family to the template's own family")


def base_vs_instruct_template(case: Case) -> Iterator[Fault]:
    """Chat training of a base model without a chat template.

    Its control tokens were never trained, and LoRA without the embeddings cannot train them: the
    model does not stop. Axolotl also has no template to render with.

    Source: LLaMA-Factory#7943 (a base model under LoRA never stops), #7346.
    """
    tokenizer = case.facts.model.tokenizer
    if not case.chats or tokenizer is None or tokenizer.chat_template:
        return
    remedy = "take the instruct checkpoint, or train embed_tokens and lm_head (modules_to_save)"
    yield Fault("model.id", "this model has no chat template: it is a base model", remedy)


def reasoning_think_block(case: Case) -> Iterator[Fault]:
    """Think blocks are trained with a reasoning template.

    LLaMA-Factory then writes an empty think block into each answer without one and trains on it;
    the model learns not to think. A warning and no error: the rows may hold think blocks of their
    own. With tokens = "exact" no empty block is trained.

    Source: LLaMA-Factory `data/template.py::ReasoningTemplate`; LLaMA-Factory#9392, #8832, #9092.
    """
    family = case.facts.model.family
    if case.plan.tokens == "exact" or family is None:
        return
    if family.reasoning and case.plan.thinking:
        text = f"rows without reasoning train an empty think block ({family.name})"
        yield Fault(path("thinking"), text, "set thinking = false unless every answer thinks")


def system_default(case: Case) -> Iterator[Fault]:
    """The chat template adds a system prompt of its own to rows without one.

    The rows are then trained under a prompt that nobody wrote; the two tools may word it
    differently.

    Source: Qwen2.5's Jinja template, LLaMA-Factory's `default_system`.
    """
    tokenizer, data = case.facts.model.tokenizer, case.facts.data
    rows = len(data.train.total) + len(data.eval.total)
    without = rows - data.has_system - data.segments
    if not case.chats or tokenizer is None or case.recipe.data.system:
        return
    found = [text for text in DEFAULT_SYSTEM if text in tokenizer.chat_template]
    if found and without > 0:
        text = f"{share(without, rows)} have no system turn; the template adds its own"
        yield Fault("data.system", text, f'set data.system, such as "{found[0]} ..."')


def system_folded(case: Case) -> Iterator[Fault]:
    """The chat template refuses system turns, or loses them where an answer follows.

    Gemma 2's and early Mistral's refuse them; later ones of Mistral put them before the last user
    turn, and only when no answer follows. ftc writes each into the first user turn of its row, a
    blank line between, so that both tools train on it: give the model its instructions in that
    place later, too.

    Source: the models' Jinja templates, rendered; mistral-common writes them so, and LLaMA-Factory
    `data/template.py::Llama2Template` for Mistral and Gemma.
    """
    data = case.facts.data
    if data.folded:
        rows = len(data.train.total) + len(data.eval.total)
        text = f"a system turn that the template would not keep: {share(data.folded, rows)} have it"
        text += " in front of the first user turn instead"
        yield Fault(case.data_path, text, "put instructions there when you use the model, too")


def system_empty(case: Case) -> Iterator[Fault]:
    """Rows begin with a system turn that says nothing, and both tools could not train on it alike.

    LLaMA-Factory takes an empty system turn for none and writes its template's own one there, where
    it has one; the models' templates write an empty turn. ftc leaves such turns out of the rows.

    Source: LLaMA-Factory `data/template.py::_encode`, `system or self.default_system`.
    """
    data = case.facts.data
    if data.emptied:
        rows = len(data.train.total) + len(data.eval.total)
        text = f"an empty system turn was left out: {share(data.emptied, rows)} had one"
        yield Fault(case.data_path, text, 'data.tokens = "exact" keeps it')


def _emits(template: str, token: str, eos: str) -> bool:
    return token in template or (token == eos and "eos_token" in template)


def tools_not_in_template(case: Case) -> Iterator[Fault]:
    """The rows call tools, and the model's chat template knows none.

    Axolotl renders with that template, which leaves tools and calls out without a word: the model
    would learn to answer as if it had called something.

    Source: run: SmolLM2's template with tool rows, under the template rules of transformers 5.
    """
    tokenizer = case.facts.model.tokenizer
    if case.plan.has_tools and tokenizer is not None and "tools" not in tokenizer.chat_template:
        text = "the rows hold tools and calls; the model's chat template leaves them out"
        yield Fault("model.id", text, "take a model whose chat template knows tools, or other rows")
