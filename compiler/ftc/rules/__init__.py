"""Rules over recipe, plan and facts. They yield findings, never raise, and all show at once."""
