"""The ways to ask a model, by the recipe's word for them."""

from __future__ import annotations

from importlib import import_module

from ftc.augment.providers.answer import Answer, Provider, Trouble
from ftc.augment.providers.target import Target, targets

__all__ = ["Answer", "Provider", "Target", "Trouble", "provider", "targets"]

CLASSES = {
    "embedded": ("openai", "OpenAI"),
    "openai": ("openai", "OpenAI"),
    "anthropic": ("anthropic", "Anthropic"),
    "transformers": ("transformers", "Transformers"),
}


def provider(target: Target) -> Provider:
    """The provider of a target; its module is loaded when it is first needed."""
    module, name = CLASSES[target.endpoint.provider]
    made: Provider = getattr(import_module(f"ftc.augment.providers.{module}"), name)(target)
    return made
