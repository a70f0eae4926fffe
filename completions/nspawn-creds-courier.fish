# SPDX-License-Identifier: LGPL-2.1-or-later
#
# fish completion for nspawn-creds-courier(8). A test compares it with the program's commands and options.

function __nspawn_creds_courier_fleets
        for file in /etc/nspawn-creds/fleet/*.json
                string match -r '^[a-z0-9-]+(?=\.json$)' (basename $file)
        end
end

complete -c nspawn-creds-courier -f
complete -c nspawn-creds-courier -n 'not __fish_seen_subcommand_from run put reports enrol' -a run -d 'Bring files to this host'
complete -c nspawn-creds-courier -n 'not __fish_seen_subcommand_from run put reports enrol' -a put -d 'Put files on the carrier'
complete -c nspawn-creds-courier -n 'not __fish_seen_subcommand_from run put reports enrol' -a reports -d 'Print reports of hosts'
complete -c nspawn-creds-courier -n 'not __fish_seen_subcommand_from run put reports enrol' -a enrol -d 'Carry messages of enrolments'
complete -c nspawn-creds-courier -n '__fish_seen_subcommand_from run' -a '(__nspawn_creds_courier_fleets)'
complete -c nspawn-creds-courier -n '__fish_seen_subcommand_from put' -F
complete -c nspawn-creds-courier -s h -l help -d 'Show a short help'
complete -c nspawn-creds-courier -l version -d 'Show the version'
complete -c nspawn-creds-courier -l once -d 'Look once and exit'
complete -c nspawn-creds-courier -l socket -r -F -d 'The socket of the broker'
complete -c nspawn-creds-courier -l timeout -x -d 'How long a server may be silent'
complete -c nspawn-creds-courier -l carrier -r -F -d 'For put, reports and enrol, the carrier'
complete -c nspawn-creds-courier -l user -x -d 'For enrol, as root, reach the carrier as this user'
complete -c nspawn-creds-courier -l failure -r -F -d 'Where to write why it fails'
