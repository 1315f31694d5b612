"""Makes rows with models: kinds, judge, engine, gates. `ftc.augment.augment` runs them all."""
