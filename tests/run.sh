#!/usr/bin/env bash
# All checks of the project, in groups with a time budget each (seconds on 2 cores, 15 minutes in all):
#   bash tests/run.sh            install 230, lint and types 70, unit 330, processes 110, recipes 140, docs 20
#   bash tests/run.sh full       and real data, browser and long fault tests, without a budget
#   bash tests/run.sh unit docs  only these groups (install always runs first)
# AFFECTREP_DATA names the folder of the real corpora (default ../shared/data): docs/corpora.md.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export HF_HUB_OFFLINE=1 MPLBACKEND=Agg
export AFFECTREP_DATA=${AFFECTREP_DATA:-$(dirname "$PWD")/shared/data}

. recipes/setup.sh
passed=0 failed=0 skipped=0 summary='' late=0
log=$(mktemp)
scratch=$(mktemp -d)
trap 'rm -rf "$log" "$scratch"' EXIT

# Runs one command and counts it; its output is shown only when it fails.
check() { # what it is, command
  local what=$1
  shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)) && echo "ok      $what"
  else
    failed=$((failed + 1)) && echo "FAILED  $what: $*" && cat "$log"
  fi
}

# Runs pytest and adds what its closing line says; no test at all counts as a failure.
tests() { # pytest words
  local status=0 line
  "$VENV/bin/python" -m pytest -q --durations=5 --durations-min=5 "$@" 2>&1 | tee "$log" || status=$?
  line=$(grep -E '^[^ ]*.*[0-9]+ (passed|failed|error|skipped|deselected).* in ' "$log" | tail -n 1)
  count() { grep -oE "[0-9]+ $1" <<<"$line" | grep -oE '[0-9]+' || echo 0; }
  passed=$((passed + $(count passed)))
  skipped=$((skipped + $(count skipped)))
  local wrong=$(($(count failed) + $(count 'errors?')))
  [ "$status" -eq 0 ] || [ "$wrong" -gt 0 ] || wrong=1
  failed=$((failed + wrong))
}

group() { # budget in seconds (0: none), function, title
  local budget=$1 run=$2 title=$3 began=$SECONDS took note=''
  case " $wanted " in *" $run "* | *" all "*) ;; *) return ;; esac
  if [ "$budget" -gt 0 ]; then say "$title (budget $budget s)"; else say "$title"; fi
  "run_$run"
  took=$((SECONDS - began))
  if [ "$budget" -gt 0 ] && [ "$took" -gt "$budget" ]; then note="  OVER ITS BUDGET" && late=1; fi
  summary+=$(printf '%-16s %4d s of %4s s%s' "$title" "$took" "${budget/#0/any}" "$note")$'\n'
}

run_install() {
  # Not inside check: what it downloads is said while it runs.
  if set_up demo,dev,speech,espeak,egemaps,face; then passed=$((passed + 1)); else
    echo "1 failed: the set-up" && exit 1
  fi
  check "affectrep imports" "$VENV/bin/python" -c "import affectrep; affectrep.AffectModel"
  check "affectrep doctor" "$VENV/bin/affectrep" doctor
}

run_lint() {
  local bin=$VENV/bin
  check "ruff check" "$bin/ruff" check .
  check "ruff format" "$bin/ruff" format --check .
  check "mypy --strict" "$bin/mypy"
  check "import-linter" "$bin/lint-imports" --no-cache
  check "codespell" "$bin/codespell" affectrep configs recipes tests docs README.md CHANGELOG.md
  for script in recipes/*.sh recipes/*/*.sh tests/*.sh .ci/run; do
    check "bash -n $script" bash -n "$script"
  done
}

quick='not slow and not real_data and not browser'
# Two workers: every test has one thread; a file stays with one of them, for its fixtures.
run_unit() { tests -n 2 --dist loadfile -m "$quick and not processes and not recipes"; }
run_processes() { tests tests -m "$quick and processes and not recipes"; }
run_recipes() {
  # As a stranger runs it, only shorter; the figures stay out of the repository.
  local recipe demos
  for script in recipes/*/run.sh; do
    recipe=$(basename "$(dirname "$script")")
    demos=(configs/"$recipe"/demo*.yaml)
    RUNS=$scratch/$recipe SEEDS=0 check "$script on its demo" \
      bash "$script" "${demos[0]}" \
      data.train_fraction=0.1 training.epochs=1 evaluation.resamples=100
  done
  if grep -rqE 'mark\.recipes' tests --include='*.py'; then tests tests -m "$quick and recipes"; fi
}
run_docs() { tests --doctest-glob='*.md' README.md docs recipes; }

run_slow() { tests tests -m "slow and not real_data and not browser"; }
run_real() {
  if [ -d "$AFFECTREP_DATA" ]; then
    tests tests -m real_data
  else
    echo "REAL DATA NOT TESTED: no folder $AFFECTREP_DATA (see docs/corpora.md)."
    skipped=$((skipped + 1))
  fi
}
run_browser() {
  local name
  for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome chrome; do
    if command -v "$name" >/dev/null; then
      mkdir -p "$scratch/bin" && ln -sf "$(command -v "$name")" "$scratch/bin/chromium"
      PATH=$scratch/bin:$PATH tests tests -m browser
      return
    fi
  done
  echo "BROWSER NOT TESTED: no Chromium on this machine (CHROMIUM names one)."
  skipped=$((skipped + 1))
}

full=''
case "${1:-}" in full) full=yes && shift ;; esac
wanted="install ${*:-all}"
group 230 install "install"
group 70 lint "lint and types"
group 330 unit "unit"
group 110 processes "processes"
group 140 recipes "recipes"
group 20 docs "docs"
if [ -n "$full" ]; then
  group 0 slow "long faults"
  group 0 real "real data"
  group 0 browser "browser"
else
  echo && echo "Not run: real data, browser and long fault tests (bash tests/run.sh full)."
fi

say "time" && printf '%s' "$summary"
[ "$late" -eq 0 ] || echo "A group took longer than its budget: this does not fail the run, but mend it."
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
