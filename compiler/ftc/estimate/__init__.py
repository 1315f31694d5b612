"""What a run will need: memory, time, disk and price of a recipe, told before it is started."""
