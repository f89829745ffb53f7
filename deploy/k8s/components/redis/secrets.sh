#!/bin/sh
# Prints Secrets with new random passwords for Redis and both services: ./secrets.sh | kubectl apply -n NAME -f -
# The Redis users come from deploy/redis/users.acl. It writes to standard output only.
set -eu

users=$(cat "$(dirname "$0")/../../../redis/users.acl")

secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels:\n' "$1"
  printf '    app.kubernetes.io/name: %s\n    app.kubernetes.io/instance: queuecast\n' "$1"
  printf '    app.kubernetes.io/part-of: queuecast\ntype: Opaque\nstringData:\n'
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

for user in poller gateway; do
  password=$(od -An -v -N 24 -t x1 /dev/urandom | tr -d ' \n')
  hash=$(printf %s "$password" | sha256)
  users=$(printf '%s\n' "$users" | sed "s/REPLACE-WITH-THE-SHA-256-OF-THE-PASSWORD-OF-$user/$hash/")
  secret "queuecast-$user"
  printf '  redis-password: "%s"\n' "$password"
done
secret queuecast-redis
printf '  users.acl: |\n'
printf '%s\n' "$users" | sed 's/^/    /'
