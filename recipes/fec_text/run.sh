#!/usr/bin/env bash
# Fine-grained emotion in text: set-up, prepare, train each seed, evaluate, report.
#   bash recipes/fec_text/run.sh                              the embedded demo, minutes on 2 cores
#   bash recipes/fec_text/run.sh CONFIG [key.sub=value ...]   any configuration, with overrides
# SEEDS="0 1 2" trains several seeds (default 0); RUNS names the folder of the runs (default runs).
# Started again, it goes on where it was stopped. HF_HUB_OFFLINE=1 keeps everything off the hub.
set -euo pipefail

case "${1:-}" in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit ;;
  *=*) echo "The first word is a configuration file, then come overrides such as $1." >&2 && exit 2 ;;
esac
config=${1:-configs/fec_text/demo.yaml}
[ $# -eq 0 ] || shift
[ ! -f "$config" ] || config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
config=${config#"$PWD"/}
if [ ! -f "$config" ]; then
  echo "No configuration $config; there are: $(echo configs/fec_text/*.yaml)" >&2
  exit 2
fi

. recipes/setup.sh
set_up demo
affectrep=$VENV/bin/affectrep
runs=${RUNS:-runs}
started=$SECONDS

resolved=$("$affectrep" train "$config" "$@" --show-config)
value() { awk -v key="$1:" '$1 == key { print $2; exit }' <<<"$resolved"; }
name=$(value name)
generated=''
if [[ $(value corpus) == demo_* ]]; then
  generated="The demo corpus is generated: its figures show that the machinery works, they are no benchmark."
  say "$generated"
fi

say "prepare $config"
rows=recipes/fec_text/rows/$(value corpus)_$(value protocol)
if [ -f "$rows-test.csv" ] && [ "$(value train_fraction)" = 1.0 ]; then
  "$affectrep" prepare "$config" "$@" --rows "$rows.csv"
else
  "$affectrep" prepare "$config" "$@"
fi

folders=()
for seed in ${SEEDS:-0}; do
  say "train $name, seed $seed"
  "$affectrep" train "$config" "$@" "seed=$seed" --output "$runs"
  folders+=("$runs/$name-$seed")
done

for folder in "${folders[@]}"; do
  say "evaluate $folder on the test split"
  "$affectrep" evaluate "$folder" --split test
done

say "report"
"$affectrep" report "${folders[@]}" --output "$runs/$name.html"

say "done in $(((SECONDS - started + 59) / 60)) minutes. ${generated:-The report is $runs/$name.html.}"
echo "Three commands to try next:"
echo "  $affectrep predict ${folders[0]} \"I can't believe they did this again\""
if [ -n "$generated" ]; then
  echo "  bash recipes/fec_text/run.sh configs/fec_text/demo.yaml objective.weight=0 name=demo_ce"
  echo "  bash recipes/fec_text/run.sh configs/fec_text/goemotions_ce.yaml data.root=<folder>"
else
  echo "  SEEDS=\"0 1 2 3 4\" bash recipes/fec_text/run.sh $config $*"
  echo "  $affectrep compare $runs/$name-* --against $runs/<another configuration>-*"
fi
echo "The report: $runs/$name.html"
