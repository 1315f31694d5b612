#!/usr/bin/env bash
# Trains orpo-7b-24gb with Axolotl 0.19.0, without ftc: run it inside that environment
# (its bin folder on PATH), in this folder.
set -euo pipefail
cd "$(dirname "$0")"
export AXOLOTL_DO_NOT_TRACK=1               # telemetry is on by default
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"  # for the plugin ftc_axolotl.py
export FTC_METRICS="$PWD/metrics.jsonl"
export FTC_DEVICE=gpu
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-0}"  # more cards make bigger batches
exec axolotl train axolotl.yaml --launcher python
