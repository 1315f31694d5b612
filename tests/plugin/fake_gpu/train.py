"""The order of a trainer's calls, with memory used between them; prints nothing, writes its file.

python train.py [axolotl]: with Axolotl's log, which sets the counters back before callbacks see it.
"""

import sys
from types import SimpleNamespace

import torch
from ftc_peak import peak

MIB = 2**20
axolotl = "axolotl" in sys.argv
measure = peak()


class Model:
    config = SimpleNamespace(
        to_dict=lambda: {"model_type": "llama", "_name_or_path": "/home/someone/secret"}
    )

    def parameters(self):
        for count, trained in ((1000, False), (10, True)):
            yield SimpleNamespace(
                dtype="torch.bfloat16", requires_grad=trained, numel=lambda n=count: n
            )


def moment(mib, card=0):
    """Up to a height and down again."""
    torch.use(card, mib * MIB)
    torch.use(card, 100 * MIB)


def call(name, *, evaluates=False, saves=False, logs=True):
    control = SimpleNamespace(should_evaluate=evaluates, should_save=saves, should_log=logs)
    if name == "on_log" and axolotl:
        torch.reset(0)
    getattr(measure, name)(None, None, control, model=Model())


measure.begun()
moment(700)
if axolotl:
    measure.take("load")
    torch.reset(0)
call("on_train_begin")
moment(400)
call("on_step_end")
call("on_log")
moment(500)
call("on_step_end", evaluates=True, logs=False)
moment(300)
call("on_prediction_step")
moment(350)  # what the batches said is gathered
call("on_log")
call("on_evaluate")
moment(600, card=1)
call("on_save")
moment(450)
call("on_step_end", saves=True, logs=False)
moment(650, card=1)
call("on_save")
moment(450)
call("on_step_end", logs=False)
moment(550)
call("on_save")  # at the end of an epoch: nothing was set back, and nothing is lost
moment(900)
call("on_train_end")
