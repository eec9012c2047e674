#!/bin/bash
# curl as the guides use it, against a real Talon.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${TALON_TEST_URL:-}" ]; then exec python3 -B "$here/with_world.py" bash "$here/curl.sh"; fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/talon-curl-XXXXXX")
trap 'rm -rf "$folder"' EXIT
chat='{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'
failed=0

# call NAME STATUS PATTERN ARGUMENT…: the status must be STATUS and head or body must hold PATTERN.
call() {
    local name=$1 status=$2 pattern=$3 seen
    shift 3
    seen=$(curl --silent --show-error --max-time 30 --dump-header "$folder/head" --output "$folder/body" --write-out '%{http_code}' "$@") || seen="curl $?"
    if [ "$seen" = "$status" ] && grep -qiE -- "$pattern" "$folder/head" "$folder/body"; then
        echo "ok      $name"
    else
        echo "FAILED  $name: status $seen, wanted $status and /$pattern/"
        cat "$folder/head" "$folder/body" 2>/dev/null || true
        echo
        failed=1
    fi
    : >"$folder/head"
    : >"$folder/body"
}

url=$TALON_TEST_URL
key="Authorization: Bearer $TALON_TEST_KEY"
call "a chat, with the content type curl -d sends" 200 '"object":"chat.completion"' -H "$key" -d "$chat" "$url/chat/completions"
call "a chat, as JSON" 200 '^x-talon-evidence-id: ev_' -H "$key" --json "$chat" "$url/chat/completions"
call "a chat, with x-api-key" 200 '^x-talon-tenant-id: acme' -H "x-api-key: $TALON_TEST_KEY" -d "$chat" "$url/chat/completions"
call "a stream" 200 'data: \[DONE\]' -N -H "$key" -d "${chat%\}},\"stream\":true}" "$url/chat/completions"
call "HTTP/1.0" 200 '"object":"chat.completion"' --http1.0 -H "$key" -d "$chat" "$url/chat/completions"
call "a chunked upload" 200 '"object":"chat.completion"' -H "$key" -H 'Transfer-Encoding: chunked' -d "$chat" "$url/chat/completions"
call "a stream over HTTP/1.0" 200 'data: \[DONE\]' --http1.0 -N -H "$key" -d "${chat%\}},\"stream\":true}" "$url/chat/completions"
{ printf '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"'; head -c 3000000 /dev/zero | tr '\0' x; printf '"}]}'; } >"$folder/large"
call "a large body, announced with Expect" 200 '"object":"chat.completion"' -H "$key" -H 'Expect: 100-continue' --data-binary @"$folder/large" "$url/chat/completions"
call "models" 200 '"id":"gpt-4o-mini"' -H "$key" "$url/models"
call "embeddings" 200 '"object":"embedding"' -H "$key" -d '{"model":"text-embedding-3-small","input":"x"}' "$url/embeddings"
call "the proxy route" 200 '"object":"chat.completion"' -H "$key" -d "$chat" "$url/proxy/openai/chat/completions"
call "no key" 401 'www-authenticate: bearer' -d "$chat" "$url/chat/completions"
call "a wrong key" 401 '"code":"invalid_key"' -H 'Authorization: Bearer nobody' -d "$chat" "$url/chat/completions"
call "a provider's key, which is told so" 401 'provider' -H 'Authorization: Bearer sk-proj-0123456789abcdef' -d "$chat" "$url/chat/completions"
call "a cap of 0" 402 '"code":"daily_cost_exceeded"' -H "Authorization: Bearer $TALON_TEST_CAPPED_KEY" -d "$chat" "$url/chat/completions"
call "a provider that fails" 502 '"code":"provider_error"' -H "$key" -H 'X-Sim: cut=before' -d "$chat" "$url/chat/completions"
call "a body that is no JSON" 400 '"code":"invalid_json"' -H "$key" -d 'hello' "$url/chat/completions"
call "a route that is not there" 404 '"code":"not_found"' -H "$key" "$url/nowhere"
call "a method that is not there" 405 '^allow: ' -X DELETE -H "$key" "$url/chat/completions"
call "costs" 200 '"tenant_id":"acme"' -H "$key" "$url/costs"
call "evidence" 200 '"records":\[' -H "$key" "$url/evidence?limit=3"
call "a bundle" 200 '^content-type: application/x-tar' -H "$key" "$url/evidence/export?format=bundle"
call "a checkpoint" 200 '/t/' -H "$key" "$url/evidence/checkpoint"
exit $failed
