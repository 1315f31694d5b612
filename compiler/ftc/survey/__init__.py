"""What `ftc data` shows: how the rows came about, step by step, and what they are like now."""
