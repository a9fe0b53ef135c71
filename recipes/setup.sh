# Makes .venv and installs affectrep into it. Sourced by recipes/*/run.sh and tests/run.sh:
#   . recipes/setup.sh; set_up demo        (extras, comma-separated)
# A second call does nothing unless pyproject.toml, constraints.txt or the folder have changed.
# PYTHON names the interpreter that makes .venv (default python3), AFFECTREP_VENV another folder.

VENV=${AFFECTREP_VENV:-.venv}
export TOKENIZERS_PARALLELISM=${TOKENIZERS_PARALLELISM:-false}

say() { printf '\n== %s\n' "$*"; }

# What the installed state depends on.
_setup_state() { { cat pyproject.toml constraints.txt; pwd; } | cksum; }

_is_set_up() { # extras
  local extra
  [ -x "$VENV/bin/python" ] || return 1
  for extra in ${1//,/ }; do
    [ "$(cat "$VENV/.installed-$extra" 2>/dev/null)" = "$(_setup_state)" ] || return 1
  done
}

# Whether there is an environment to install into (an interrupted `venv` leaves one without pip).
_has_venv() { "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }

_find_python() {
  local python
  for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "affectrep needs Python 3.11 or newer; set PYTHON=/path/to/python3.11 and run again." >&2
  return 1
}

# Prints version and folder of a torch (2.7 or newer) that this interpreter imports and that does
# not lie in VENV itself.
_find_torch() { # python
  "$1" -c '
import importlib.metadata, pathlib, sys, torch
version, folder = importlib.metadata.version("torch"), pathlib.Path(torch.__file__).parents[1]
if [int(part) for part in version.split(".")[:2]] < [2, 7]:
    sys.exit("too old")
if folder.resolve().is_relative_to(pathlib.Path(sys.argv[1]).resolve()):
    sys.exit("installed by this set-up")
print(version, folder)' "$VENV" 2>/dev/null
}

_make_venv() { # python, torch folder or nothing
  local system='' folder
  [ -z "$2" ] || system=--system-site-packages
  # shellcheck disable=SC2086
  if ! "$1" -m venv $system "$VENV"; then
    echo "Could not make $VENV: on Debian and Ubuntu install python3-venv, then run again." >&2
    return 1
  fi
  # A torch of an active virtual environment is not seen by --system-site-packages: name its folder.
  if [ -n "$2" ] && ! _find_torch "$VENV/bin/python" >/dev/null; then
    folder=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$2" >"$folder/torch-already-there.pth"
  fi
}

_announce() { # python, torch version or nothing
  if [ "$1" = "$VENV/bin/python" ]; then
    echo "Brings it up to date; downloads what has changed or is missing, 2 GB at most."
  elif [ -n "$2" ]; then
    echo "Uses torch $2, which is already there. Downloads about 0.2 GB, takes about a minute."
  elif [ "$(uname -s)" = Linux ]; then
    echo "Downloads about 2 GB, most of it torch's default build with CUDA; takes about 2 minutes on"
    echo "a fast line and 5.6 GB of disk. A torch 2.7 or newer that $1 imports is used instead."
  else
    echo "Downloads a few hundred MB, takes a minute or two."
  fi
}

set_up() { # extras
  local extras=$1 python torch='' folder='' constraints extra
  if _is_set_up "$extras"; then return; fi
  if _has_venv; then python=$VENV/bin/python; else python=$(_find_python) || return 1; fi
  read -r torch folder < <(_find_torch "$python") || true
  say "set-up: affectrep[$extras] into $VENV"
  _announce "$python" "$torch"
  _has_venv || _make_venv "$python" "$folder" || return 1
  constraints=$(mktemp)
  if [ -n "$torch" ]; then
    # The torch that is there decides for itself and for what belongs to it.
    grep -viE '^(torch|torchaudio|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==' \
      constraints.txt >"$constraints"
    echo "torch==$torch" >>"$constraints"
  else
    cp constraints.txt "$constraints"
  fi
  if ! "$VENV/bin/python" -m pip install -q --disable-pip-version-check \
    -c "$constraints" -e ".[$extras]"; then
    rm -f "$constraints"
    echo "The installation failed, see above. If a download failed: is a package index reachable?" >&2
    return 1
  fi
  rm -f "$constraints"
  for extra in ${extras//,/ }; do _setup_state >"$VENV/.installed-$extra"; done
}
