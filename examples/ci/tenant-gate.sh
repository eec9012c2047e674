#!/bin/sh
# A pipeline step: go on only when the tenant has traffic, and stop when it has spent more than it may.
#
#   TENANT=acme MAX_USD=100 sh tenant-gate.sh
#
# talon tenant show exits 0 when the tenant has sessions, 1 when it has none, 3 when it could not tell.
set -u
tenant=${TENANT:?name the tenant}
limit=${MAX_USD:-100}

shown=$(talon tenant show "$tenant" --json)
case $? in
  0) ;;
  1) echo "$tenant: no sessions yet, nothing to do"; exit 0 ;;
  *) echo "$tenant: could not tell; see the error above" >&2; exit 1 ;;
esac

printf '%s\n' "$shown" | jq -r '"\(.tenant_id): \(.session_count) sessions, \(.total_cost_usd) USD in all, \(.spend_month_usd) USD this month"'
if printf '%s\n' "$shown" | jq -e --argjson limit "$limit" '.spend_month_usd > $limit' >/dev/null; then
  echo "$tenant has spent more than $limit USD this month" >&2
  exit 1
fi
