"""Why a concept of the rows has no key in a tool: one note each, "[]" standing for a data set."""

from __future__ import annotations

from ftc.convert.meaning import Note

OWN_TEXT = "ftc writes all rows with the model's own chat template"

AXOLOTL: dict[str, Note] = {
    "data.folder": Note("site", "in Axolotl the folder stands in each path"),
    "data.media_folder": Note("site", "in Axolotl the folder stands in the rows"),
    "data.tokenized": Note("site", "a cache of LLaMA-Factory's: Axolotl keeps one of its own"),
    "data.samples": Note("approximate", "no key for it"),
    "data.mix": Note(
        "untranslatable", "Axolotl puts data sets one behind the other", training=True
    ),
    "data.mix_shares": Note(
        "untranslatable", "Axolotl draws no shares of data sets", training=True
    ),
    "data.buffer": Note("approximate", "Axolotl shuffles a stream with a buffer of its own size"),
    "data.eval_each": Note("untranslatable", "Axolotl evaluates all held-out rows as one"),
    "data.tool_format": Note("untranslatable", "the chat template lays tools out", training=True),
    "data.keep_thinking": Note("untranslatable", "the chat template says so", training=True),
    "data.last_answer_only": Note(
        "untranslatable",
        "Axolotl trains on every answer of a chat, or by a mark on each turn",
        training=True,
    ),
    "data.system": Note(
        "untranslatable",
        "no key for a system text of all rows: put one into the rows",
        training=True,
    ),
    "tokens": Note("ignored", "rows as tokens are named by their data set"),
    "family": Note("ignored", "the template says it"),
    "[].samples": Note(
        "approximate", "the first rows of the split, where the other tool draws them"
    ),
    "[].name": Note("ignored", "only a label of the data set"),
    "[].modelscope": Note("site", "Axolotl reads it from the Hugging Face hub"),
    "[].openmind": Note("site", "Axolotl reads it from the Hugging Face hub"),
    "[].columns": Note(
        "untranslatable", "for such rows Axolotl looks for columns of fixed names", training=True
    ),
    "[].roles": Note(
        "untranslatable", "for such rows Axolotl looks for roles of fixed names", training=True
    ),
    "[].columns.history": Note(
        "untranslatable", "Axolotl has no column of past turns", training=True
    ),
    "[].roles.call": Note(
        "approximate", "Axolotl has no turns that are calls: they belong into tool_calls of a turn"
    ),
}

LLAMAFACTORY: dict[str, Note] = {
    "stage": Note("untranslatable", "LLaMA-Factory has no such stage", training=True),
    "tokens": Note("ignored", "rows as tokens are named by their folder"),
    "family": Note("ignored", "the template says it"),
    "template_date": Note("approximate", "LLaMA-Factory's templates write no date", training=True),
    "data.cache": Note("site", "a cache of Axolotl's: LLaMA-Factory keeps one of its own"),
    "data.cache_hub": Note("site", "LLaMA-Factory uploads no prepared rows"),
    "data.cache_files": Note("site", "how a cache is cut into files"),
    "data.hub_login": Note("site", "LLaMA-Factory takes the login of the machine, or hf_hub_token"),
    "data.in_memory": Note("ignored", "where rows lie while they are prepared"),
    "data.shuffle": Note(
        "approximate", "LLaMA-Factory draws rows at random, with no shuffle before"
    ),
    "data.shuffle_each": Note("approximate", "rows are drawn at random anyway"),
    "data.deduplicate": Note("untranslatable", "equal rows are all kept", training=True),
    "data.pack_buffer": Note("approximate", "packs are made of other rows"),
    "data.pretraining": Note(
        "approximate", "documents are joined and cut, not windows with overlap"
    ),
    "data.separate_documents": Note(
        "approximate", "documents in a pack see each other in the stage pt", training=True
    ),
    "data.join_documents": Note("approximate", "packing joins documents"),
    "data.unprepared": Note("ignored", "rows are prepared by the trainer in either case"),
    "data.turn_ends": Note("approximate", "the template names the tokens that end a turn"),
    "data.template_fallback": Note("approximate", "the model's own template is taken apart"),
    "data.template_args": Note(
        "untranslatable", "LLaMA-Factory's templates take no such setting", training=True
    ),
    "[].trust_remote_code": Note("ignored", "no code of a data set is run any more"),
    "[].revision": Note("untranslatable", "the newest revision is read", training=True),
    "[].files": Note("untranslatable", "all files of the data set are read", training=True),
    "[].weight": Note("untranslatable", "all rows of the data set are used", training=True),
    "[].template": Note("untranslatable", "one template holds for all data sets", training=True),
    "[].system": Note("approximate", "rows without a system text get that of the template"),
    "[].columns.thinking": Note(
        "untranslatable", "reasoning stands in the answer, not in a key of the turn", training=True
    ),
    "[].thinking_key": Note("untranslatable", "reasoning stands in the answer", training=True),
    "[].conversation": Note("ignored", "the style of rows that have another text here"),
}

RECIPE: dict[str, Note] = {
    "data.folder": Note("site", "the folder stands in each path"),
    "data.cache": Note("site", "ftc keeps its rows in the run folder"),
    "data.tokenized": Note("site", "ftc keeps its rows in the run folder"),
    "data.cache_hub": Note("site", "ftc uploads no prepared rows"),
    "data.cache_files": Note("site", "how a cache is cut into files"),
    "data.hub_login": Note("site", "ftc takes the login of the machine"),
    "data.shuffle": Note("approximate", "ftc's rows are always drawn at random"),
    "data.shuffle_each": Note("approximate", "ftc's rows are always drawn at random"),
    "data.workers": Note("ignored", "how many processes prepare rows changes no row"),
    "data.unprepared": Note("ignored", "ftc prepares the rows itself"),
    "data.in_memory": Note("ignored", "ftc prepares the rows itself"),
    "data.turn_ends": Note("ignored", "ftc knows the token that ends a turn by the family"),
    "data.streaming": Note("approximate", "ftc writes the rows to a file first"),
    "data.buffer": Note("approximate", "ftc writes the rows to a file first"),
    "data.pack_buffer": Note("approximate", "ftc writes the rows to a file first"),
    "data.pretraining": Note("approximate", "documents are joined otherwise"),
    "data.deduplicate": Note("approximate", "ftc's check names equal rows"),
    "data.template": Note("approximate", OWN_TEXT),
    "data.mix": Note("untranslatable", "ftc puts data sets one behind the other", training=True),
    "template_date": Note("ignored", "ftc sets the date of the template itself"),
    "[].name": Note("ignored", "only a label of the data set"),
    "[].layout": Note("untranslatable", "ftc reads no such rows", training=True),
    "[].prompt": Note("untranslatable", OWN_TEXT, training=True),
    "[].format": Note("untranslatable", OWN_TEXT, training=True),
    "[].template": Note("approximate", OWN_TEXT),
    "[].roles": Note("approximate", "ftc knows the usual names of roles, and refuses others"),
    "[].file_type": Note("ignored", "ftc sees what a file holds"),
    "[].trust_remote_code": Note("ignored", "no code of a data set is run"),
    "[].columns.system": Note("approximate", "ftc looks for a column system or system_prompt"),
    "[].modelscope": Note("site", "ftc reads it from the Hugging Face hub"),
    "[].openmind": Note("site", "ftc reads it from the Hugging Face hub"),
    "data.media_folder": Note("site", "ftc reads no images"),
}
