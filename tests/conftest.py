"""Random cases are the same on every machine and every time: a check that passed passes again.

`make fuzz` draws other ones, and more.
"""

import os
import signal

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=3000, print_blob=True, deadline=None)
settings.load_profile("fuzz" if os.environ.get("FTC_FUZZ") else "fixed")

# A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
