#!/bin/bash
# The three completions load in their shells and offer the commands.
set -euo pipefail
# shellcheck source=tests/checks/lib.sh
. "$(dirname "$0")/lib.sh"
need zsh zsh
need fish fish

offers() { # offers SHELL OUTPUT: the words a user would see include these commands
    local word
    for word in serve audit tenant; do
        grep -qw -- "$word" <<<"$2" || { printf '%s: "talon <TAB>" does not offer %s, but:\n%s\n' "$1" "$word" "$2" >&2; exit 1; }
    done
    echo "$1: talon <TAB> offers the commands"
}

# shellcheck disable=SC2016
offers bash "$(bash --norc --noprofile -euc '
    source completions/talon.bash
    function=$(complete -p talon | sed -n "s/.*-F \([^ ]*\) .*/\1/p")
    COMP_WORDS=(talon "") COMP_CWORD=1 COMP_LINE="talon " COMP_POINT=6
    set +eu
    "$function" talon "" talon
    printf "%s\n" "${COMPREPLY[@]}"')"

# zsh completes inside its line editor only, so a pseudo-terminal types the TAB for us.
# shellcheck disable=SC2016
zsh -f -n completions/_talon
# shellcheck disable=SC2016
offers zsh "$(zsh -f -c '
    zmodload zsh/zpty
    zpty shell "TERM=dumb COLUMNS=200 LINES=200 zsh -f -i"
    zpty -w shell "PS1= PS2= RPS1=; fpath=(\$PWD/completions \$fpath); autoload -Uz compinit; compinit -u -D; zstyle \":completion:*\" list-prompt \"\"; LISTMAX=1000"
    zpty -w shell "print MAP=\$_comps[talon] READY"
    zpty -m -r shell out "*MAP=_talon READY*"
    zpty -n -w shell $'"'"'talon \t'"'"'
    zmodload zsh/zselect
    text=
    for i in {1..100}; do # five seconds at most
        if zpty -r -t shell line; then text+=$line; else zselect -t 5; fi
        [[ $text == *tenant* ]] && break
    done
    print -r -- $text')"

offers fish "$(fish --no-config -c 'source completions/talon.fish; complete --do-complete "talon "')"
