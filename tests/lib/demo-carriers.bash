# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The carriers of the fleet's demo: a directory, an nginx that serves the same files by https, and an etcd with
# client certificates, on a network of their own, to which the hosts are connected. Part of tests/demo.

carrier_address=192.0.2.1
carrier_folder='' # of everything here, but what the carriers carry
carrier_files=''  # the directory
carrier_namespace='' # a process in the network namespace of the bridge and the servers
carrier_servers=()

# Runs a command on the carriers' network, as the administrator does.
on_network() { # COMMAND...
        nsenter --net="/proc/$carrier_namespace/ns/net" -- "$@"
}

# A server ends with the demo, however that ends.
start_server() { # COMMAND...
        setpriv --pdeathsig KILL nsenter --net="/proc/$carrier_namespace/ns/net" -- "$@" &>>"$carrier_folder/log" &
        carrier_servers+=($!)
}

# A key and a certificate of the demo's own authority: $carrier_folder/NAME.key and .crt.
make_certificate() { # NAME SUBJECT EXTENSION...
        local name=$carrier_folder/$1 subject=$2 extension options=()
        shift 2
        [[ $name == */ca ]] || options=(-CA "$carrier_folder/ca.crt" -CAkey "$carrier_folder/ca.key")
        for extension; do
                options+=(-addext "$extension")
        done
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 9 -subj "$subject" \
                -keyout "$name.key" -out "$name.crt" "${options[@]}" 2>/dev/null
}

nginx_configuration() {
        cat <<EOT
user root; # the files are in a temporary directory
worker_processes 1;
daemon off;
pid $carrier_folder/nginx.pid;
error_log $carrier_folder/log;
events {}
http {
        access_log off;
        client_body_temp_path $carrier_folder/body;
        server {
                listen $carrier_address:443 ssl;
                ssl_certificate $carrier_folder/server.crt;
                ssl_certificate_key $carrier_folder/server.key;
                root $carrier_files;
                # hosts may write their reports
                location /v1/prod/reports/ { dav_methods PUT; }
        }
}
EOT
}

carriers_start() {
        carrier_folder=$(mktemp -d)
        carrier_files=$(mktemp -d)
        chmod 0755 "$carrier_files"
        install -d -m 1777 "$carrier_files/v1/prod/reports"
        make_certificate ca '/CN=demo' basicConstraints=critical,CA:TRUE
        make_certificate server '/CN=server' "subjectAltName=IP:$carrier_address" extendedKeyUsage=serverAuth,clientAuth
        # without a common name, which etcd's gateway does not accept
        make_certificate client '/O=hosts' extendedKeyUsage=clientAuth
        carrier_namespace=$(setpriv --pdeathsig KILL unshare --net bash -c 'sleep infinity >/dev/null & echo $!')
        carrier_servers=("$carrier_namespace")
        on_network ip link set lo up
        on_network ip link add name carriers type bridge
        on_network ip address add "$carrier_address/24" dev carriers
        on_network ip link set carriers up
        nginx_configuration >"$carrier_folder/nginx.conf"
        start_server nginx -e "$carrier_folder/log" -c "$carrier_folder/nginx.conf"
        start_server etcd --data-dir "$carrier_folder/etcd" --listen-peer-urls 'http://127.0.0.1:2380' \
                --listen-client-urls "https://$carrier_address:2379" --advertise-client-urls "https://$carrier_address:2379" \
                --cert-file "$carrier_folder/server.crt" --key-file "$carrier_folder/server.key" \
                --client-cert-auth --trusted-ca-file "$carrier_folder/ca.crt"
        for _ in {1..1000}; do
                on_network curl -sS --cacert "$carrier_folder/ca.crt" -o /dev/null "https://$carrier_address/" 2>/dev/null &&
                        etcd_ctl endpoint health &>/dev/null && return
                sleep 0.1
        done
        die "nginx or etcd does not answer: $(tail -n 5 "$carrier_folder/log")"
}

carriers_stop() {
        (( ${#carrier_servers[@]} == 0 )) || kill "${carrier_servers[@]}" 2>/dev/null || :
        [[ -z $carrier_folder ]] || rm -rf -- "$carrier_folder" "$carrier_files"
        carrier_servers=() carrier_folder=''
}

etcd_ctl() { # ARGUMENT...
        ETCDCTL_API=3 on_network etcdctl --endpoints "https://$carrier_address:2379" --cacert "$carrier_folder/ca.crt" \
                --cert "$carrier_folder/client.crt" --key "$carrier_folder/client.key" "$@"
}

# Connects the current host, with the last part of its address, and gives it what it needs to reach the servers.
connect_host() { # NUMBER
        on_network ip link add name "host$1" type veth peer name eth0 netns "$host_pid"
        on_network ip link set "host$1" master carriers up
        in_host ip address add "${carrier_address%.*}.$1/24" dev eth0
        in_host ip link set eth0 up
        in_host mkdir -p /etc/nspawn-creds/fleet
        in_host tee /etc/nspawn-creds/fleet/ca.crt <"$carrier_folder/ca.crt" >/dev/null
        in_host tee /etc/nspawn-creds/fleet/prod.crt <"$carrier_folder/client.crt" >/dev/null
        in_host install -m 0600 /dev/stdin /etc/nspawn-creds/fleet/prod.key <"$carrier_folder/client.key"
}

# How a host's configuration describes its carrier.
carrier_settings() { # dir|https|etcd
        local folder=/etc/nspawn-creds/fleet url=https://$carrier_address
        case $1 in
                dir)   printf '{"url":"dir:/srv/creds"}' ;;
                https) printf '{"url":"%s/","reports":"%s/","ca":"%s/ca.crt","interval":"1s"}' "$url" "$url" "$folder" ;;
                etcd)  printf '{"url":"etcd:","endpoints":["%s:2379"],"ca":"%s/ca.crt","certificate":"%s/prod.crt","key":"%s/prod.key"}' \
                               "$url" "$folder" "$folder" "$folder" ;;
        esac
}

# The same for the administrator.
admin_carrier_settings() { # dir|etcd
        if [[ $1 == dir ]]; then
                printf '{"url":"dir:%s"}' "$carrier_files"
        else
                carrier_settings etcd | sed "s,/etc/nspawn-creds/fleet/prod,$carrier_folder/client,g; s,/etc/nspawn-creds/fleet,$carrier_folder,g"
        fi
}

# Puts the bundles of a copy of the directory on all carriers, each at once, as a carrier would.
carriers_put() { # DIRECTORY
        local file
        (cd "$1" && find v1 -type f -path '*/hosts/*') | while IFS= read -r file; do
                cp "$1/$file" "$carrier_files/$file.new"
                mv "$carrier_files/$file.new" "$carrier_files/$file"
                etcd_ctl put "$file" <"$1/$file" >/dev/null
        done
}
