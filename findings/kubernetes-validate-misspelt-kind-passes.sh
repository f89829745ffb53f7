#!/usr/bin/env bash
# kubernetes-validate --strict passes a manifest whose kind or apiVersion is misspelt
#
# Version: kubernetes-validate 1.37.0 (PyPI).
# Expected: a document that could not be checked fails the run, at least with `--strict`; a misspelt field does.
# Seen: a misspelt kind or version is not an error but a warning, and the exit code is 0; nothing else in that document is
# looked at. The same object with the right kind fails. So one wrong letter turns the check off, for built-in groups too, where
# it cannot be a custom resource. There is no option that makes it an error.
#
# Output:
#> apps/v1 Deployment: exit 1
#> apps/v1 Deploymnet, apps/v2 Deployment: exit 0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore kubernetes-validate==1.37.0

manifest() { printf -- '---\napiVersion: %s\nkind: %s\nmetadata: {name: shop}\nspec: {replica: many}\n' "$1" "$2"; }
validate() {
  local code=0
  venv/bin/kubernetes-validate --strict -k 1.37 "$2" > /dev/null || code=$?
  echo "$1: exit $code"
}
manifest apps/v1 Deployment > right.yaml
{ manifest apps/v1 Deploymnet; manifest apps/v2 Deployment; } > misspelt.yaml
{ validate "apps/v1 Deployment" right.yaml; validate "apps/v1 Deploymnet, apps/v2 Deployment" misspelt.yaml; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
