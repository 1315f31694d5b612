"""ftc compiles fine-tuning recipes into native configs of Axolotl and LLaMA-Factory."""

__version__ = "0.1.0"
