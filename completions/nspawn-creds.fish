# SPDX-License-Identifier: LGPL-2.1-or-later
#
# fish completion for nspawn-creds(1). A test compares it with the program's verbs and options.
#
# Machines and credentials come from the hidden verb "complete", which prints only names that no shell
# expands; fish escapes what it inserts.

function __nspawn_creds_words # what was typed before the cursor, without options
        string match -v -- '-*' (commandline -opc)
end

# Whether the cursor is at the argument POSITION ("any" for each) of one of the verbs.
function __nspawn_creds_at # POSITION VERB...
        set -l words (__nspawn_creds_words)
        set -l alias (string match -r "^$words[2] .*" -- 'ls list' 'rm remove' 'mv rename' 'cp copy')
        contains -- (string replace -r '.* ' '' -- "$alias[1]") $argv[2..]; or contains -- "$words[2]" $argv[2..]; or return
        test $argv[1] = any; or test (count $words) -eq (math $argv[1] + 1)
end

function __nspawn_creds_names # machines|names|ids|hosts|secrets
        set -l words (__nspawn_creds_words)
        test $argv[1] != ids; or set -a argv $words[3]
        nspawn-creds complete (string match -r -- '^--(?:store|repository)=.*' (commandline -opc)) -- $argv 2>/dev/null
end

# Whether the arguments of fleet before the cursor are these.
function __nspawn_creds_fleet_at # ARGUMENT...
        set -l words (__nspawn_creds_words)
        test "$words[2]" = fleet; and test "$words[3..]" = "$argv"
end

complete -c nspawn-creds -f

complete -c nspawn-creds -n __fish_use_subcommand -a set -d 'Give a machine\'s credential a value'
complete -c nspawn-creds -n __fish_use_subcommand -a list -d 'List the credentials in the store and in policies'
complete -c nspawn-creds -n __fish_use_subcommand -a show -d 'Show everything about a credential but its value'
complete -c nspawn-creds -n __fish_use_subcommand -a reveal -d 'Print the value of a credential'
complete -c nspawn-creds -n __fish_use_subcommand -a cat -d 'Print the values of several credentials'
complete -c nspawn-creds -n __fish_use_subcommand -a edit -d 'Change the value of a credential in an editor'
complete -c nspawn-creds -n __fish_use_subcommand -a rotate -d 'Replace a credential\'s value and restart the units that use it'
complete -c nspawn-creds -n __fish_use_subcommand -a copy -d 'Copy a credential to another machine or name'
complete -c nspawn-creds -n __fish_use_subcommand -a rename -d 'Give a credential another name'
complete -c nspawn-creds -n __fish_use_subcommand -a remove -d 'Remove credentials from the broker\'s store'
complete -c nspawn-creds -n __fish_use_subcommand -a import -d 'Store another program\'s secrets as credentials of a machine'
complete -c nspawn-creds -n __fish_use_subcommand -a exec -d 'Run a command with credentials'
complete -c nspawn-creds -n __fish_use_subcommand -a reseal -d 'Seal credentials again, for other PCRs, keys or hosts'
complete -c nspawn-creds -n __fish_use_subcommand -a enable -d 'Give a machine its credentials'
complete -c nspawn-creds -n __fish_use_subcommand -a disable -d 'Let a machine start without credentials again'
complete -c nspawn-creds -n __fish_use_subcommand -a check -d 'Check what machines would get, or policies'
complete -c nspawn-creds -n __fish_use_subcommand -a status -d 'Show the broker\'s status'
complete -c nspawn-creds -n __fish_use_subcommand -a log -d 'Show requests and changes from the journal'
complete -c nspawn-creds -n __fish_use_subcommand -a why -d 'Show why a machine does not get its credentials'
complete -c nspawn-creds -n __fish_use_subcommand -a doctor -d 'Look for problems on this host'
complete -c nspawn-creds -n __fish_use_subcommand -a has-tpm2 -d 'Tell whether this host has a TPM'
complete -c nspawn-creds -n __fish_use_subcommand -a help -d 'Describe all verbs or one'
complete -c nspawn-creds -n __fish_use_subcommand -a setup -d 'Make this host\'s key'
complete -c nspawn-creds -n __fish_use_subcommand -a encrypt -d 'Seal a secret for this host'
complete -c nspawn-creds -n __fish_use_subcommand -a decrypt -d 'Open a sealed credential'
complete -c nspawn-creds -n __fish_use_subcommand -a inspect -d 'Show what sealed credentials say without their keys'
complete -c nspawn-creds -n __fish_use_subcommand -a seal -d 'Seal a secret for other hosts'
complete -c nspawn-creds -n __fish_use_subcommand -a host -d 'Export this host\'s identity, and prove its keys'
complete -c nspawn-creds -n __fish_use_subcommand -a backup -d 'Save sealed credentials and policies as one file'
complete -c nspawn-creds -n __fish_use_subcommand -a restore -d 'Put back what backup has saved'
complete -c nspawn-creds -n __fish_use_subcommand -a fleet -d 'Seal and sign secrets for many hosts'

complete -c nspawn-creds -n '__nspawn_creds_at 1 set show reveal edit rotate copy rename' -a '(__nspawn_creds_names names)'
complete -c nspawn-creds -n '__nspawn_creds_at 2 copy rename' -a '(__nspawn_creds_names names)'
complete -c nspawn-creds -n '__nspawn_creds_at any remove cat' -a '(__nspawn_creds_names names)'
complete -c nspawn-creds -n '__nspawn_creds_at any exec; and not contains -- -- (commandline -opc)' -a '(__nspawn_creds_names names)'
complete -c nspawn-creds -n '__nspawn_creds_at any exec; and contains -- -- (commandline -opc)' -F
complete -c nspawn-creds -n '__nspawn_creds_at 1 import enable disable log why doctor' -a '(__nspawn_creds_names machines)'
complete -c nspawn-creds -n '__nspawn_creds_at any list reseal check' -a '(__nspawn_creds_names machines)'
complete -c nspawn-creds -n '__nspawn_creds_at any enable; and not __nspawn_creds_at 1 enable' -a '(__nspawn_creds_names ids)'
complete -c nspawn-creds -n '__nspawn_creds_at 2 set import reveal rotate' -F
complete -c nspawn-creds -n '__nspawn_creds_at any reseal check inspect encrypt decrypt seal' -F
complete -c nspawn-creds -n '__nspawn_creds_at 1 backup restore' -F
complete -c nspawn-creds -n '__nspawn_creds_at any backup restore; and not __nspawn_creds_at 1 backup restore' -a '(__nspawn_creds_names machines)'
complete -c nspawn-creds -n '__nspawn_creds_at 1 host' -a 'export challenge answer verify enrol'
complete -c nspawn-creds -n '__nspawn_creds_at 2 host' -F
complete -c nspawn-creds -n '__nspawn_creds_at any host' -l prove -d 'Also export what a proof needs'
complete -c nspawn-creds -n '__nspawn_creds_at any host fleet' -l ek-ca -r -F -d 'Certificates of TPM manufacturers'
complete -c nspawn-creds -n '__nspawn_creds_at any host fleet' -l ek-certificate -r -F -d 'The certificate of the endorsement key'
complete -c nspawn-creds -n '__nspawn_creds_at any host fleet' -l ek -x -d 'The endorsement key of the host'
complete -c nspawn-creds -n '__nspawn_creds_at any host fleet' -l ek-list -r -F -d 'A list of endorsement keys'
complete -c nspawn-creds -n '__nspawn_creds_at any seal fleet' -l proved -d 'Refuse a host whose keys are not proved'
complete -c nspawn-creds -n '__nspawn_creds_at 1 fleet' -a 'init add enrol edit generate rekey revoke seal sign check diff push status show verify reset'
complete -c nspawn-creds -n '__nspawn_creds_fleet_at add; or __nspawn_creds_fleet_at revoke' -a 'host secret'
complete -c nspawn-creds -n '__nspawn_creds_fleet_at revoke' -a signer
complete -c nspawn-creds -n '__nspawn_creds_fleet_at add host; or __nspawn_creds_fleet_at revoke host' -a '(__nspawn_creds_names hosts)'
complete -c nspawn-creds -n '__nspawn_creds_fleet_at add secret; or __nspawn_creds_fleet_at revoke secret; or __nspawn_creds_fleet_at edit' -a '(__nspawn_creds_names secrets)'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet; and contains -- generate (__nspawn_creds_words)' -a '(__nspawn_creds_names secrets)'
complete -c nspawn-creds -n '__nspawn_creds_fleet_at verify' -F
complete -c nspawn-creds -n '__nspawn_creds_at 4 fleet' -F
complete -c nspawn-creds -n '__nspawn_creds_at 1 help' -a '(nspawn-creds help | string match -rg "^  ([a-z][a-z0-9-]*) ")'

complete -c nspawn-creds -n '__nspawn_creds_at any reseal encrypt decrypt seal' -l name -r -a '(__nspawn_creds_names names)' -d 'Name sealed in the credential'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal restore' -l dry-run -d 'Only show what would open, and what would be done'
complete -c nspawn-creds -n '__nspawn_creds_at any import restore' -l replace -d 'Replace values that differ from those in the file'
complete -c nspawn-creds -n '__nspawn_creds_at any import' -l from -r -a 'dotenv json yaml sops age systemd-creds' -d 'What the file is'
complete -c nspawn-creds -n '__nspawn_creds_at any import fleet' -l identity -r -F -d 'Key for age'
complete -c nspawn-creds -n '__nspawn_creds_at any set show reveal cat import exec edit copy rename reseal backup restore' -l store -F -d 'Use the broker\'s store, or the one at PATH'
complete -c nspawn-creds -n '__nspawn_creds_at any set import rotate reseal encrypt seal' -l with-key -r -a 'auto host tpm2 host+tpm2 tpm2-with-public-key host+tpm2-with-public-key null' -d 'Key to seal with'
complete -c nspawn-creds -n '__nspawn_creds_at any set import rotate reseal encrypt seal' -s H -d 'Seal with the host key'
complete -c nspawn-creds -n '__nspawn_creds_at any set import rotate reseal encrypt seal' -s T -d 'Seal with the TPM'
complete -c nspawn-creds -n '__nspawn_creds_at any set edit rotate copy rename reseal encrypt' -l for-systemd -r -a '252 257 262' -d 'Seal in a form that this version opens'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal encrypt decrypt' -l uid -r -a self -d 'Seal for this user alone'
complete -c nspawn-creds -n '__nspawn_creds_at any set list show reveal cat import exec edit rotate copy rename reseal why doctor encrypt decrypt host restore' -l tpm2-device -r -F -d 'TPM device or TCTI'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate reseal encrypt decrypt seal host fleet' -l tpm2-pcrs -r -d 'PCRs to seal for'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate reseal encrypt seal host' -l tpm2-public-key -r -F -d 'Key that signs PCR policies'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate reseal encrypt seal' -l tpm2-public-key-pcrs -r -d 'PCRs that this key signs for'
complete -c nspawn-creds -n '__nspawn_creds_at any list show reveal cat import exec edit rotate copy rename reseal decrypt restore' -l tpm2-signature -r -F -d 'Signatures of PCR policies'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate reseal encrypt' -l fresh-key -d 'Do not share the key of the machine\'s other credentials'
complete -c nspawn-creds -n '__nspawn_creds_at any setup' -l rollback-protection -d 'Have a counter in the TPM tell an older store from the last one'
complete -c nspawn-creds -n '__nspawn_creds_at any setup' -l no-rollback-protection -d 'Remove that counter'
complete -c nspawn-creds -n '__nspawn_creds_at any setup' -l accept-rollback -d 'Take the present store and sets as right after a rollback was noticed'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate encrypt' -l share-key -r -F -d 'Share the TPM-sealed key of this credential'
complete -c nspawn-creds -n '__nspawn_creds_at any set reveal cat reseal encrypt decrypt seal' -l timestamp -r -a 'today tomorrow infinity' -d 'Time of sealing or opening'
complete -c nspawn-creds -n '__nspawn_creds_at any set edit rotate reseal encrypt seal host fleet' -l not-after -r -a 'today tomorrow infinity' -d 'Time of expiry'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal encrypt seal' -l format -r -a 'base64 raw' -d 'Format of the output'
complete -c nspawn-creds -n '__nspawn_creds_at any set reveal cat edit rotate import decrypt fleet' -l newline -r -a 'auto yes no' -d 'Whether to end with a newline'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal decrypt' -l allow-null -d 'Open what is sealed with the null key, too'
complete -c nspawn-creds -n '__nspawn_creds_at any set list show edit rotate copy rename remove import reseal enable disable check status log why doctor setup has-tpm2 encrypt inspect seal host backup restore fleet' -l json -r -a 'short pretty off' -d 'Print JSON'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal seal' -l host -r -F -d 'Identity of a host to seal for'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal seal' -l form -r -a 'auto legacy pinned' -d 'Form for other hosts'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l key -r -F -d 'SSH key to sign with'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l renew -d 'Sign the same files once more'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l wave -x -a '1% 10% 50%' -d 'Release to so many further hosts only'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet host' -l wait -a '10min 1h' -d 'Wait until all hosts accept, answer or fail'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l tolerate -x -a '0% 5% 10%' -d 'How many of them may fail'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l confirm -x -d 'The digest of the changes to confirm'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l repository -r -F -d 'The repository of the fleet'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l as -x -d 'The credential as which hosts get it'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l to -x -a '(__nspawn_creds_names hosts)' -d 'Hosts, patterns and @groups'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l fleet -x -d 'The fleet of the bundle'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l extract -r -F -d 'Write the parts of the bundle there'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l recipients -r -F -d 'Who can open the master copies'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l signers -r -F -d 'Who may sign for the fleet'
complete -c nspawn-creds -n '__nspawn_creds_at any fleet' -l threshold -x -a '1 2 3' -d 'How many must sign'
complete -c nspawn-creds -n '__nspawn_creds_at any log' -s n -l lines -r -a all -d 'Number of entries'
complete -c nspawn-creds -n '__nspawn_creds_at any log' -s S -l since -r -a 'today yesterday' -d 'Entries since then'
complete -c nspawn-creds -n '__nspawn_creds_at any log' -s f -l follow -d 'Go on showing new entries'
complete -c nspawn-creds -n '__nspawn_creds_at any status' -l metrics -d 'Print counters as OpenMetrics'
complete -c nspawn-creds -n '__nspawn_creds_at any status' -l metrics-file -r -F -d 'Write counters for Prometheus'
complete -c nspawn-creds -n '__nspawn_creds_at any set reveal cat edit copy rename remove import enable disable doctor setup fleet' -l no-ask -d 'Do not ask for confirmation'
complete -c nspawn-creds -n '__nspawn_creds_at any doctor' -l after-update -d 'Say what will open in the states that systemd-pcrlock predicts'
complete -c nspawn-creds -n '__nspawn_creds_at any doctor' -l fix -d 'Fix what can be fixed without a value'
complete -c nspawn-creds -n '__nspawn_creds_at any set rotate fleet' -l generate -r -a 'password hex base64 uuid ssh-ed25519 x25519' -d 'Generate the value'
complete -c nspawn-creds -n '__nspawn_creds_at any list' -l expiry -d 'Open all and show when they expire'
complete -c nspawn-creds -n '__nspawn_creds_at any list' -l check -d 'Ask the broker whether it would deliver each now'
complete -c nspawn-creds -n '__nspawn_creds_at any enable' -l delivery -r -a 'boot live native' -d 'How the credentials are delivered'
complete -c nspawn-creds -n '__nspawn_creds_at any enable' -l live -d 'Deliver to services while the container runs'
complete -c nspawn-creds -n '__nspawn_creds_at any enable' -l service -r -d 'Unit in the container that may fetch them'
complete -c nspawn-creds -n '__nspawn_creds_at any enable' -l on-change -r -a 'restart reload none' -d 'What rotate does with these units'
complete -c nspawn-creds -n '__nspawn_creds_at any reseal' -l all -d 'All machines in the store'
complete -c nspawn-creds -n '__nspawn_creds_at any show' -l history -d 'Show the earlier values as well'
complete -c nspawn-creds -n '__nspawn_creds_at any rotate' -l back -a '1 2 3' -d 'Put back an earlier value'
complete -c nspawn-creds -n '__nspawn_creds_at any set import edit rotate reseal' -l forget -d 'Keep no earlier value'
complete -c nspawn-creds -n '__nspawn_creds_at any list' -l no-legend -d 'Print no column headings'
complete -c nspawn-creds -n '__nspawn_creds_at any list check' -s l -l full -d 'Do not shorten columns'
complete -c nspawn-creds -n '__nspawn_creds_at any encrypt' -s p -l pretty -d 'Print a setting for a unit'
complete -c nspawn-creds -l no-pager -d 'Do not use a pager'
complete -c nspawn-creds -s h -l help -d 'Show help'
complete -c nspawn-creds -l version -d 'Show the version'
