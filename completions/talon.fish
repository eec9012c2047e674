# fish completion for talon(1). Written from the command table.
function __talon_path
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l path
    set -l skip 0
    for token in $tokens
        if test $skip = 1
            set skip 0
            continue
        end
        switch $token
            case --config --data-dir --name --tenant --from --to --outcome --caller --model --limit --format --output --key --log --require --query 
                set skip 1
            case '-*'
            case '*'
                set -a path $token
        end
    end
    string join ' ' -- $path
end
function __talon_at
    test "$(__talon_path)" = "$argv[1]"
end
function __talon_in
    string match -q -- "$argv[1]*" "$(__talon_path)"
end
function __talon_tenants
    talon tenant list --table --quiet 2>/dev/null | sed -n '2,$s/  .*//p'
end
complete -c talon -f
complete -c talon -l config -r -F -d 'the configuration file'
complete -c talon -l data-dir -r -a '(__fish_complete_directories)' -d 'the data directory'
complete -c talon -l json -d 'JSON on standard output; an error is one JSON line on standard error'
complete -c talon -l quiet -d 'no messages for people'
complete -c talon -l no-color -d 'never use colour'
complete -c talon -l help -d 'show this help'
complete -c talon -n "__talon_at ''" -a 'init serve audit tenant config doctor version'
complete -c talon -n "__talon_at 'audit'" -a 'list show export verify checkpoint keys'
complete -c talon -n "__talon_at 'audit keys'" -a 'list'
complete -c talon -n "__talon_at 'tenant'" -a 'list show'
complete -c talon -n "__talon_at 'config'" -a 'sample check show'
complete -c talon -n "__talon_in 'init'" -l name -r -d 'the vault'\''s public name; default talon- and 8 random characters'
complete -c talon -n "__talon_in 'audit list'" -l tenant -r -a '(__talon_tenants)' -d 'the tenant whose log is meant'
complete -c talon -n "__talon_in 'audit list'" -l unattributed -d 'the log of calls that no tenant was named for'
complete -c talon -n "__talon_in 'audit list'" -l operator -d 'the operator'\''s own log'
complete -c talon -n "__talon_in 'audit list'" -l from -r -d 'from this day or instant on (YYYY-MM-DD or RFC 3339)'
complete -c talon -n "__talon_in 'audit list'" -l to -r -d 'up to the end of this day, or up to this instant'
complete -c talon -n "__talon_in 'audit list'" -l outcome -r -a 'allowed denied failed cancelled truncated interrupted' -d 'only records with this outcome'
complete -c talon -n "__talon_in 'audit list'" -l caller -r -d 'only records of this caller'
complete -c talon -n "__talon_in 'audit list'" -l model -r -d 'only records that asked for this model'
complete -c talon -n "__talon_in 'audit list'" -l limit -r -d 'at most N records; default 50'
complete -c talon -n "__talon_in 'audit list'" -l reverse -d 'oldest first'
complete -c talon -n "__talon_in 'audit export'" -l tenant -r -a '(__talon_tenants)' -d 'the tenant whose log is meant'
complete -c talon -n "__talon_in 'audit export'" -l unattributed -d 'the log of calls that no tenant was named for'
complete -c talon -n "__talon_in 'audit export'" -l operator -d 'the operator'\''s own log'
complete -c talon -n "__talon_in 'audit export'" -l all -d 'every log; not for a bundle'
complete -c talon -n "__talon_in 'audit export'" -l from -r -d 'from this day or instant on (YYYY-MM-DD or RFC 3339)'
complete -c talon -n "__talon_in 'audit export'" -l to -r -d 'up to the end of this day, or up to this instant'
complete -c talon -n "__talon_in 'audit export'" -l format -r -a 'bundle ndjson csv sqlite' -d 'bundle (default), ndjson (the exact canonical lines), csv or sqlite (tables)'
complete -c talon -n "__talon_in 'audit export'" -l output -r -F -d 'a file; a folder when it ends in /; - for standard output'
complete -c talon -n "__talon_in 'audit export'" -l force -d 'replace an output that exists'
complete -c talon -n "__talon_in 'audit verify'" -l key -r -F -d 'vault.pub, a vkey or an RW... key that came another way than the bundle'
complete -c talon -n "__talon_in 'audit verify'" -l tenant -r -a '(__talon_tenants)' -d 'the tenant whose log is meant'
complete -c talon -n "__talon_in 'audit verify'" -l log -r -d 'unattributed or operator'
complete -c talon -n "__talon_in 'audit verify'" -l from -r -d 'from this day or instant on (YYYY-MM-DD or RFC 3339)'
complete -c talon -n "__talon_in 'audit verify'" -l to -r -d 'up to the end of this day, or up to this instant'
complete -c talon -n "__talon_in 'audit verify'" -l no-local -d 'do not pin the key of a vault on this machine'
complete -c talon -n "__talon_in 'audit verify'" -l require -r -d 'facts that must hold: self or pinned (default)'
complete -c talon -n "__talon_in 'audit verify'" -F
complete -c talon -n "__talon_in 'audit checkpoint'" -l tenant -r -a '(__talon_tenants)' -d 'the tenant whose log is meant'
complete -c talon -n "__talon_in 'audit checkpoint'" -l unattributed -d 'the log of calls that no tenant was named for'
complete -c talon -n "__talon_in 'audit checkpoint'" -l operator -d 'the operator'\''s own log'
complete -c talon -n "__talon_in 'tenant list'" -l limit -r -d 'at most N tenants; default all'
complete -c talon -n "__talon_in 'tenant list'" -l query -r -d 'only ids that contain TEXT'
complete -c talon -n "__talon_in 'tenant list'" -l table -d 'a table, also when standard output is no terminal'
complete -c talon -n "__talon_in 'tenant show'" -l unattributed -d 'the calls that no tenant was named for'
complete -c talon -n "__talon_in 'tenant show'" -l table -d 'a table, also when standard output is no terminal'
complete -c talon -n "__talon_in 'tenant show'" -a '(__talon_tenants)'
complete -c talon -n "__talon_in 'doctor'" -l full -d 'recompute every log of the vault, as talon audit verify does'
