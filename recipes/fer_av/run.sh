#!/usr/bin/env bash
# Valence and arousal from faces, independent of the person: prepare, train, evaluate, report.
#   bash recipes/fer_av/run.sh                              drawn faces: plain regression against CAF
#   bash recipes/fer_av/run.sh CONFIG [key.sub=value ...]   any configuration, with overrides
#   bash recipes/fer_av/run.sh clips                        drawn clips: networks over time against one frame
# SEEDS="0 1 2" trains several seeds (default 0); RUNS names the folder of the runs (default runs).
# Started again, it goes on where it was stopped. HF_HUB_OFFLINE=1 keeps everything off the hub.
set -euo pipefail

case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit ;;
esac
# shellcheck source=recipes/recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"

# Systems on a generated corpus, what their embeddings say about the person, one report.
run_demo() { # report's name, then configurations: the one that others are compared with, and these
  local started=$SECONDS report=$1 last=${*: -1} runs seeds=${SEEDS:-0} config configs=() folder folders=()
  shift
  cd "$(dirname "${BASH_SOURCE[0]}")/../.."
  . recipes/setup.sh
  set_up face
  affectrep=$VENV/bin/affectrep runs=${RUNS:-runs} seeds="${seeds// /,},"
  say "The faces are drawn: their figures show that the machinery works, they are no benchmark."
  for config in "$@"; do configs+=("configs/fer_av/$config.yaml"); done
  say "prepare ${configs[0]}"
  "$affectrep" prepare "${configs[0]}"
  say "train and evaluate $*, on people who were never seen"
  "$affectrep" sweep "${configs[@]}" --seeds "$seeds" --output "$runs"
  say "what the embeddings say about the person"
  for folder in $(for config in "$@"; do echo "$runs/$config"-[0-9]*; done); do
    folders+=("$folder")
    echo "$folder"
    "$affectrep" evaluate "$folder" --leakage | awk '/^[A-Z]/ { kept = /^Leakage/ } kept && NF'
  done
  say "report"
  "$affectrep" report "${folders[@]}" --output "$runs/$report.html"
  say "done in $(((SECONDS - started + 59) / 60)) minutes, on drawn faces: no benchmark"
  echo "Three commands to try next:"
  hint_demo "$runs/$last-${seeds%%,*}"
  echo "The report: $runs/$report.html"
}

known_rows() {
  local rows
  rows=recipes/fer_av/rows/$(value corpus)
  if [ -f "$rows.csv" ] && [ "$(value train_fraction)" = 1.0 ]; then echo "$rows.csv"; fi
}

hint_demo() { # run folder
  hint_real "$1"
  echo "  bash recipes/fer_av/run.sh clips"
  echo "  bash recipes/fer_av/run.sh configs/fer_av/ferplus_caf.yaml data.root=<folder>"
}

hint_real() { # run folder
  echo "  $affectrep predict $1 <face.jpg or a video>"
}

case "${1:-}" in
  '') run_demo demo_faces demo_plain demo_caf ;;
  clips) run_demo demo_clips demo_clips_frame demo_clips_r3d demo_clips_r2plus1d ;;
  *) run_recipe fer_av face "$@" ;;
esac
