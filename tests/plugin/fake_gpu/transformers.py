"""What ftc's measure of memory needs of transformers: the class that it fills in."""


class TrainerCallback:
    pass
