#!/usr/bin/env bash
# Fine-grained emotion in text: set-up, prepare, train each seed, evaluate, report.
#   bash recipes/fec_text/run.sh                              the embedded demo, minutes on 2 cores
#   bash recipes/fec_text/run.sh CONFIG [key.sub=value ...]   any configuration, with overrides
# SEEDS="0 1 2" trains several seeds (default 0); RUNS names the folder of the runs (default runs).
# Started again, it goes on where it was stopped. HF_HUB_OFFLINE=1 keeps everything off the hub.
set -euo pipefail

case "${1:-}" in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit ;;
esac
# shellcheck source=recipes/recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"

known_rows() {
  local rows
  rows=recipes/fec_text/rows/$(value corpus)_$(value protocol)
  if [ -f "$rows-test.csv" ] && [ "$(value train_fraction)" = 1.0 ]; then echo "$rows.csv"; fi
}

hint_demo() { # run folder
  hint_real "$1"
  echo "  bash recipes/fec_text/run.sh configs/fec_text/demo.yaml objective.weight=0 name=demo_ce"
  echo "  bash recipes/fec_text/run.sh configs/fec_text/goemotions_ce.yaml data.root=<folder>"
}

hint_real() { # run folder
  echo "  $affectrep predict $1 \"I can't believe they did this again\""
}

run_recipe fec_text demo "$@"
