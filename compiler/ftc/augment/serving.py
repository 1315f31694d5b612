"""The models of a run made ready: those that ftc serves itself are up while the block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ftc.augment import embedded
from ftc.augment.providers import Target, targets
from ftc.augmentation import Augment
from ftc.progress import Progress


def asked(augment: Augment) -> tuple[str, ...]:
    """The names of the models that kinds and judge use, in the order of their first use."""
    names = [augment.named(make.model) for make in augment.make]
    names += [make.check_model for make in augment.make if make.check_model is not None]
    if augment.judge:
        names.append(augment.named(augment.judge.model))
    return tuple(dict.fromkeys(names))


@contextmanager
def ready(
    augment: Augment, folder: Path, *, offline: bool, progress: Progress | None = None
) -> Iterator[dict[str, Target]]:
    """The models that are used, by name; each embedded one is served once, whoever names it.

    FtcError when a key is not in the environment, or a model cannot be found or loaded.
    """
    models = {name: augment.models[name] for name in asked(augment)}
    servers: dict[str | None, embedded.Served] = {}
    slots: dict[str | None, int] = {}
    served: dict[str, Target] = {}
    with ExitStack() as stack:
        for name, endpoint in models.items():
            if endpoint.provider != "embedded":
                continue
            if endpoint.model not in servers:
                alike = [it.in_flight for it in models.values() if it.model == endpoint.model]
                slots[endpoint.model] = embedded.slots(max(alike))
                server = embedded.serve(
                    endpoint.model,
                    folder,
                    offline=offline,
                    slots=slots[endpoint.model],
                    progress=progress,
                )
                servers[endpoint.model] = stack.enter_context(server)
            it = servers[endpoint.model]
            # A question that waits in the server would wait while its time-out runs.
            at_once = min(endpoint.in_flight, slots[endpoint.model])
            endpoint = endpoint.model_copy(update={"in_flight": at_once})
            served[name] = Target(
                name, endpoint, it.model, it.url, it.key, it.digest, ended=it.fault
            )
        yield targets(models, served, folder)
