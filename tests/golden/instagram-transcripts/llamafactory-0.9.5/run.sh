#!/usr/bin/env bash
# Trains instagram-transcripts with LLaMA-Factory 0.9.5, without ftc: run it inside that
# environment (its bin folder on PATH), in this folder.
set -euo pipefail
cd "$(dirname "$0")"
export CUDA_VISIBLE_DEVICES=
cp llamafactory.json llamafactory.yaml      # 0.9.5 cannot open a file named .json; JSON is YAML
exec llamafactory-cli train llamafactory.yaml
