# shellcheck shell=bash
# The base image: a Debian that every Pi's card lies over, built once and cached. Sourced, not run.

# What Raspberry Pi OS Lite has, Debian's "minbase" lacks and somebody who sets up a Pi takes for granted. Nothing of
# what twopir installs.
packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo
packages+=,iproute2,iputils-ping,netbase,nftables,procps,psmisc
packages+=,ca-certificates,curl,less,nano,tzdata,python3,e2fsprogs
packages+=,avahi-daemon,libnss-mdns,cron,locales,logrotate,nfs-common,rsync,apt-listchanges

# base_sources: from the mirrors that this machine's apt has Debian from, or else from Debian's own.
base_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$debian" '
      !($1 in uri) { uri[$1] = $2 }
      END {
        main = "Debian" in uri ? uri["Debian"] : "http://deb.debian.org/debian/"
        security = "Debian-Security" in uri ? uri["Debian-Security"] : "http://deb.debian.org/debian-security/"
        print "deb", main, release, "main"
        print "deb", main, release "-updates", "main"
        print "deb", security, release "-security", "main"
      }'
}

# base_apt_conf: proxies, certificates and the like that this machine's apt needs.
base_apt_conf() {
  apt-config dump | grep -E '^Acquire::(https?::(.*::)?(Proxy|CaInfo)|Check-Valid-Until|Check-Date) ' || true
  local scheme variable
  for scheme in http https; do
    variable=${scheme}_proxy
    [ -z "${!variable:-}" ] || echo "Acquire::$scheme::Proxy \"${!variable}\";"
  done
}

# base_dir: where the image for the present settings is, or would be.
base_dir() {
  local key
  key=$({
    echo "$debian $packages"
    base_sources
    base_apt_conf
    cat "$root/lab/lib/image.sh" /usr/local/share/ca-certificates/*.crt 2>/dev/null || true
  } | sha256sum)
  echo "$cache/$debian-${key:0:12}"
}

# can_overlay: card, work and base folders must lie where the kernel can lay one over the other.
can_overlay() {
  local try=$lab_dir/try
  rm -rf "$try"
  mkdir -p "$try"/{lower,upper,work,root}
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --propagation slave sh -c 'cd "$1" && touch lower/a &&
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root &&
    rm root/a && touch root/b' - "$try" 2>/dev/null ||
    die "cannot lay overlays in $root/.twopir ($(stat -f -c %T "$lab_dir")):" \
      "have this checkout on ext4, xfs or btrfs, not on an overlay, a network or a FAT file system"
  rm -rf "$try"
}

# build_base DIR: builds under another name, so that an image is whole or not there.
build_base() {
  local dir=$1 new=$1.new log=$cache/build.log conf=$cache/apt.conf sources
  say "building the Debian $debian image for the Pis: about a minute, once (log: $log)"
  rm -rf "$new"
  base_apt_conf >"$conf"
  readarray -t sources < <(base_sources)
  : >"$log"
  # An interrupt ends what the build started too.
  # shellcheck disable=SC2064 # the values of now
  trap "end_group build; rm -rf '$new'" EXIT
  # In the lab's group, so that `down` finds it after a crash; its mounts go with its mount namespace.
  # shellcheck disable=SC2016 # expanded by mmdebstrap
  spawn build "$log" unshare --mount --propagation slave mmdebstrap --variant=minbase --include="$packages" \
    --aptopt="$conf" --customize-hook="bash '$root/lab/lib/image.sh' \"\$1\"" "$debian" "$new" "${sources[@]}"
  follow $! "$log"
  wait $! || die "the Debian image could not be built: the end of $log says why"$'\n'"$(tail -n 5 "$log")"
  end_group build
  mv "$new" "$dir"
  trap - EXIT
}

# follow PID LOG: shows mmdebstrap's steps while it runs.
follow() { tail --pid="$1" -n +1 -f "$2" | sed -nu 's/^I: \(.*\)\.\.\.$/    \1/p' >&2; }

# prune_bases: this release's images of older settings that no card lies over.
prune_bases() {
  local dir
  for dir in "$cache/$debian"-*; do
    [ ! -d "$dir" ] || [ "$dir" = "$base" ] ||
      grep -qsF "$dir" "$root"/.twopir/lab/*/pi*/base || rm -rf "$dir"
  done
}

# drop_half_built: what a build left that was killed; one that runs holds the lock.
drop_half_built() (
  [ -d "$cache" ] || return 0
  exec 8>"$cache/lock"
  ! flock -n 8 || rm -rf "$cache"/*.new
)

# ensure_base: sets `base` to the image's folder, which is there afterwards. Two labs do not build one at once.
ensure_base() {
  base=$(base_dir)
  mkdir -p "$cache"
  [ ! -d "$base" ] || return 0
  exec 8>"$cache/lock"
  flock -n 8 || { say "waiting for another lab that builds the image" && flock 8; }
  if [ ! -d "$base" ]; then
    build_base "$base"
    prune_bases
  fi
  exec 8>&-
}
