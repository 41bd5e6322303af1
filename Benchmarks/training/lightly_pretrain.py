"""One run of lightly-train: `lightly_pretrain.py SETTINGS.json`, written by `contenders.py`.

Writes the seconds of each step into the file that the settings name.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import lightly_train
import torch
from lightly_train._callbacks import callback_helpers
from pytorch_lightning import Callback

from lightly_model import build


class StepTimes(Callback):
    """Notes how long each step takes, from the end of the one before, waiting for data included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0

    def on_train_start(self, *_: Any) -> None:
        self._last = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(settings["threads"])
    arguments = settings["pretrain"]
    times = StepTimes()
    # In place of lightly-train's own callbacks, for which it has no setting: so it writes no
    # checkpoints and exports the model only at the end.
    callback_helpers.get_callbacks = lambda **_: [times]
    lightly_train.pretrain(model=build(settings["vit"]), **arguments)
    Path(settings["times"]).write_text(json.dumps(times.seconds))


if __name__ == "__main__":
    main()
