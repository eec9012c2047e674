# bash completion for talon(1). Written from the command table.
# shellcheck shell=bash
_talon_tenants() {
  local tenant
  COMPREPLY=()
  while IFS= read -r tenant; do
    if [[ $tenant == "$cur"* ]]; then COMPREPLY+=("$(printf '%q' "$tenant")"); fi
  done < <(talon tenant list --table --quiet 2>/dev/null | sed -n '2,$s/  .*//p')
}
_talon() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' word skip='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      --config|--data-dir|--name|--tenant|--from|--to|--outcome|--caller|--model|--limit|--format|--output|--key|--log|--require|--query) skip=1 ;;
      -*) ;;
      *) path=${path:+$path }$word ;;
    esac
  done
  case $prev in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --data-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --name) COMPREPLY=(); return ;;
    --tenant) _talon_tenants; return ;;
    --from) COMPREPLY=(); return ;;
    --to) COMPREPLY=(); return ;;
    --outcome) mapfile -t COMPREPLY < <(compgen -W "allowed denied failed cancelled truncated interrupted" -- "$cur"); return ;;
    --caller) COMPREPLY=(); return ;;
    --model) COMPREPLY=(); return ;;
    --limit) COMPREPLY=(); return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W "bundle ndjson csv sqlite" -- "$cur"); return ;;
    --output) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --log) COMPREPLY=(); return ;;
    --require) COMPREPLY=(); return ;;
    --query) COMPREPLY=(); return ;;
  esac
  case $path in
    '') mapfile -t COMPREPLY < <(compgen -W 'init serve audit tenant config doctor version' -- "$cur") ;;
    'audit') mapfile -t COMPREPLY < <(compgen -W 'list show export verify checkpoint keys' -- "$cur") ;;
    'audit keys') mapfile -t COMPREPLY < <(compgen -W 'list' -- "$cur") ;;
    'tenant') mapfile -t COMPREPLY < <(compgen -W 'list show' -- "$cur") ;;
    'config') mapfile -t COMPREPLY < <(compgen -W 'sample check show' -- "$cur") ;;
    'init'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--name --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'serve'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'audit list'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--tenant --unattributed --operator --from --to --outcome --caller --model --limit --reverse --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'audit show'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      else COMPREPLY=(); fi ;;
    'audit export'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--tenant --unattributed --operator --all --from --to --format --output --force --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'audit verify'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--key --tenant --log --from --to --no-local --require --config --data-dir --json --quiet --no-color --help' -- "$cur")
      else mapfile -t COMPREPLY < <(compgen -f -- "$cur"); fi ;;
    'audit checkpoint'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--tenant --unattributed --operator --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'audit keys list'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'tenant list'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--limit --query --table --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'tenant show'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--unattributed --table --config --data-dir --json --quiet --no-color --help' -- "$cur")
      else _talon_tenants; fi ;;
    'config sample'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'config check'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'config show'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'doctor'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--full --config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
    'version'*)
      if [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '--config --data-dir --json --quiet --no-color --help' -- "$cur")
      fi ;;
  esac
}
complete -F _talon talon
