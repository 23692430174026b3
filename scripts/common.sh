# Shared by the scripts: where the checkout is, and one environment that is made once and kept up to date.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# A clean clone may meet an old python3 first: take the first one that is new enough.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed; set PYTHON to one" >&2
    return 2
}

# make_venv FOLDER EXTRAS: install the checkout, editable, with the tested versions. The second time is a no-op
# until pyproject.toml, the constraints or the extras change.
make_venv() {
    local venv=$1 extras=$2 python stamp
    python=$(find_python)
    stamp=$(printf '%s\n' "$extras" "$root" | cat - pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$venv/.stamp" 2>/dev/null || true)" = "$stamp" ]; then
        return
    fi
    echo "setting up $venv ($extras)" >&2
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".[$extras]" >&2
    echo "$stamp" > "$venv/.stamp"
}

took() {
    echo "$1 took $((SECONDS / 60)) min $((SECONDS % 60)) s"
}

# Lint, format and types, with the tools of a bin folder; Python scripts without a suffix are named to ruff.
lint() {
    local bin=$1 scripts
    mapfile -t scripts < <(grep -lE '^#!.*python' scripts/*)
    "$bin/ruff" check . "${scripts[@]}"
    "$bin/ruff" format --check . "${scripts[@]}"
    "$bin/mypy"
}
