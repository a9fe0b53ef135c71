# What every recipe's run.sh does: set up, prepare, train each seed, evaluate, report. Sourced by them
# with the recipe's name, the extras it needs, and three functions: hint_demo and hint_real print
# commands to try next, known_rows names the row list of a resolved configuration, or nothing.

run_recipe() { # recipe, extras, then the words of the command line
  local recipe=$1 extras=$2 config resolved name generated='' runs rows seed folder
  local started=$SECONDS folders=() measures=()
  shift 2
  case "${1:-}" in
    *=*) echo "The first word is a configuration file, then come overrides such as $1." >&2 && exit 2 ;;
  esac
  config=${1:-configs/$recipe/demo.yaml}
  [ $# -eq 0 ] || shift
  [ ! -f "$config" ] || config=$(cd "$(dirname "$config")" && pwd)/$(basename "$config")
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  config=${config#"$PWD"/}
  if [ ! -f "$config" ]; then
    echo "No configuration $config; there are: $(echo configs/"$recipe"/*.yaml)" >&2
    exit 2
  fi

  . recipes/setup.sh
  set_up "$extras"
  affectrep=$VENV/bin/affectrep
  runs=${RUNS:-runs}

  resolved=$("$affectrep" train "$config" "$@" --show-config)
  name=$(value name)
  if [[ $(value corpus) == demo_* ]]; then
    generated="The demo corpus is generated: its figures show that the machinery works, they are no benchmark."
    say "$generated"
    measures=(--map) # seconds for a small corpus, and the report has a picture of the embeddings
  fi

  say "prepare $config"
  rows=$(known_rows)
  if [ -n "$rows" ]; then
    "$affectrep" prepare "$config" "$@" --rows "$rows"
  else
    "$affectrep" prepare "$config" "$@"
  fi

  for seed in ${SEEDS:-0}; do
    say "train $name, seed $seed"
    "$affectrep" train "$config" "$@" "seed=$seed" --output "$runs"
    folders+=("$("$affectrep" train "$config" "$@" "seed=$seed" --output "$runs" --show-folder)")
  done

  for folder in "${folders[@]}"; do
    say "evaluate $folder on the test split"
    "$affectrep" evaluate "$folder" --split test ${measures[@]+"${measures[@]}"}
  done

  say "report"
  "$affectrep" report "${folders[@]}" --output "$runs/$name.html"

  say "done in $(((SECONDS - started + 59) / 60)) minutes. ${generated:-The report is $runs/$name.html.}"
  echo "Three commands to try next:"
  if [ -n "$generated" ]; then
    hint_demo "${folders[0]}"
  else
    hint_real "${folders[0]}"
    echo "  SEEDS=\"0 1 2 3 4\" bash recipes/$recipe/run.sh $config $*"
    echo "  $affectrep compare $runs/$name-* --against $runs/<another configuration>-*"
  fi
  echo "The report: $runs/$name.html"
}

# The first value of a key in the resolved configuration.
value() { awk -v key="$1:" '$1 == key { print $2; exit }' <<<"$resolved"; }
