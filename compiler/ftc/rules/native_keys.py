"""Native keys against the shipped schema of the backend version that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.backends.schemas import UNKNOWN, Problem, problems
from ftc.backends.versions import VERSIONS
from ftc.rules.case import Case, Fault
from ftc.rules.native_data import where

SUPPORTED = frozenset((entry.backend, entry.version) for entry in VERSIONS)


def native_unknown_key(case: Case) -> Iterator[Fault]:
    """A native key that this version of the tool does not know.

    Axolotl ignores it without a word, at every depth, and trains at its default; LLaMA-Factory
    stops, among others at `group_by_length`, which transformers 5 renamed.

    Source: LLaMA-Factory#7412, #5633, #6456; unsloth PR#10452 (a misplaced key: trained at 2e-4 for
    3 epochs in place of 5e-5 for 9); axolotl#1614.
    """
    for backend, (path, message, nearest) in _problems(case):
        if message.startswith(UNKNOWN):
            version = case.version(backend)
            remedy = f"did you mean {nearest}?" if nearest else "remove the key"
            text = f"{path} {message.replace('this version', f'{backend} {version}')}"
            yield Fault(where(backend, path), text, remedy)


def native_wrong_value(case: Case) -> Iterator[Fault]:
    """A native value of the wrong type, or none of those that exist.

    LLaMA-Factory does not turn text into numbers ("'<=' not supported between str and float"), and
    a bare `no` would be false. A wrong optimizer, scheduler or template is found in training only.

    Source: LLaMA-Factory#4811; transformers `HfArgumentParser.parse_dict`; both tools' schemas.
    """
    for backend, (path, message, nearest) in _problems(case):
        if not message.startswith(UNKNOWN):
            remedy = f"did you mean {nearest}?" if nearest else "write it as the schema says"
            yield Fault(where(backend, path), f"{path}: {message}", remedy)


def _problems(case: Case) -> Iterator[tuple[str, Problem]]:
    for backend, version in case.backends:
        native = case.native(backend)
        if native and (backend, version) in SUPPORTED:
            for problem in problems(backend, version, native):
                yield backend, problem
