#!/usr/bin/env bash
# The article's steps by ssh, on both Pis of the lab at once as far as they go at once: what npm run bench compares
# `pulumi up` with. Ends when both serve the page.
set -euo pipefail
# Lines of NAME=VALUE, and two addresses are all that is needed of the list of the Pis.
eval "$(bash "$(dirname "${BASH_SOURCE[0]}")/../lab/lab.sh" env | grep -v '^LAB_PIS=')"
pis=("$LAB_PI1" "$LAB_PI2")
name=twopir.$LAB_ZONE

on() { # ADDRESS: a script for root on stdin
  ssh -i "$LAB_KEY" -o UserKnownHostsFile="$LAB_KNOWN_HOSTS" -o BatchMode=yes "pi@$1" sudo -n bash -es
}

on_each() { # the same, on both at once
  local script pi jobs=() job
  script=$(cat)
  for pi in "${pis[@]}"; do
    on "$pi" <<<"$script" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
}

on_each <<'PI'
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends nginx glusterfs-server glusterfs-client
systemctl enable -q --now glusterd
mkdir -p /data/brick1/gv0 /mnt/gluster1
echo "localhost:/gv0 /mnt/gluster1 glusterfs defaults,_netdev 0 0" >>/etc/fstab
systemctl daemon-reload
PI

on "${pis[0]}" <<PI
gluster peer probe ${pis[1]}
tries=60
until gluster --mode=script volume create gv0 replica 2 ${pis[0]}:/data/brick1/gv0 ${pis[1]}:/data/brick1/gv0 force; do
  # The peer is not in the cluster at once.
  tries=\$((tries - 1))
  [ \$tries -gt 0 ]
  sleep 0.5
done
gluster volume start gv0
mount /mnt/gluster1
cat >/mnt/gluster1/cluster <<'CONFIG'
server {
  root /mnt/gluster1/www;
  index index.html index.htm;
  server_name twopir $name;

  location / {
        try_files \$uri \$uri/ /index.html;
  }
}
CONFIG
mkdir /mnt/gluster1/www
cp /usr/share/nginx/html/index.html /mnt/gluster1/www
PI

on_each <<'PI'
mountpoint -q /mnt/gluster1 || mount /mnt/gluster1
ln -s /mnt/gluster1/cluster /etc/nginx/sites-available
rm /etc/nginx/sites-enabled/default
ln -s /etc/nginx/sites-available/cluster /etc/nginx/sites-enabled
systemctl restart nginx
PI

{
  printf 'server %s\nzone %s.\n' "$LAB_NAME_SERVER" "$LAB_ZONE"
  printf "update add $name. 5 A %s\n" "${pis[@]}"
  echo send
} | nsupdate -k "$LAB_TSIG_FILE"

for pi in "${pis[@]}"; do curl -fsS -o /dev/null -H "Host: $name" "http://$pi/"; done
