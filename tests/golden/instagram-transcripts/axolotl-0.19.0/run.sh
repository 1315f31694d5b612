#!/usr/bin/env bash
# Trains instagram-transcripts with Axolotl 0.19.0, without ftc: run it inside that environment
# (its bin folder on PATH), in this folder.
set -euo pipefail
cd "$(dirname "$0")"
export AXOLOTL_DO_NOT_TRACK=1               # telemetry is on by default
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"  # for the plugin ftc_axolotl.py
export FTC_METRICS="$PWD/metrics.jsonl"
export FTC_DEVICE=cpu CUDA_VISIBLE_DEVICES= # there is no key for it: the plugin reads this
exec axolotl train axolotl.yaml --launcher python
