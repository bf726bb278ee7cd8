#!/usr/bin/env bash
# npm start: from a clean clone to a working cluster of virtual Pis, and the proof of it. Run again, it finds
# everything there and says that nothing changed.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"
[ "$(id -u)" = 0 ] || die "the lab makes network namespaces and mounts: run it as root, e.g. sudo npm start"

name=twopir.example.com # of stack dev, see Pulumi.dev.yaml

debian_packages ca-certificates curl
bash toolchain/install.sh
bash lab/lab.sh up
say "making the cluster: pulumi up on stack dev"
bash toolchain/pulumi.sh up --stack dev --yes --skip-preview

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash lab/lab.sh env >"$work/env"
setting() { sed -n "s/^$1=//p" "$work/env"; }
printf 'nameserver %s\n' "$(setting LAB_NAME_SERVER)" >"$work/resolv.conf"

# as_client COMMAND...: with the lab's name server, as any machine on the Pis' network would have it.
as_client() {
  # shellcheck disable=SC2016 # the inner shell expands them
  unshare --mount bash -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$work/resolv.conf" "$@"
}

# page HOST: the status and the title of what is served there.
page() {
  local status
  status=$(as_client curl -sS --max-time 5 -o "$work/page" -w '%{http_code}' -H "Host: $name" "http://$1/")
  printf '  http://%-20s %s %s\n' "$1/" "$status" "$(sed -n 's:.*<title>\(.*\)</title>.*:\1:p' "$work/page")"
  [ "$status" = 200 ] || die "http://$1/ answers $status: see /var/log/nginx/error.log there (npm run lab:ssh -- pi1)"
}

printf '\nThe name, asked twice:\n'
for _ in 1 2; do
  printf '  $ dig %s A +short\n' "$name"
  as_client dig "$name" A +short | sed 's/^/  /'
done
printf '\nThe page, from each Pi and by name:\n'
for pi in $(setting LAB_PIS); do page "$(setting "LAB_${pi^^}")"; done
page "$name"
cat <<'TEXT'

What to try next:
  npm run pulumi -- preview                      nothing to change
  npm run lab:ssh -- pi1                         look around; remove a link in /etc/nginx/sites-enabled
  npm run pulumi -- preview --diff               and see what preview says of it; `up` repairs it
  npm run lab:off -- pi1, npm run lab:on -- pi1  pull a plug
  npm run lab:down                               the virtual Pis are gone; packages and image stay
TEXT
