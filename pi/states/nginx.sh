# shellcheck shell=bash disable=SC2154
# nginx runs the config that is on disk, starts at boot, and serves the page.

use services turn
takes host # the name of the site that has the A records

# nginx-unit.sh writes it
drop_in_path=/etc/systemd/system/nginx.service.d/00-twopir.conf
patience=10 # seconds until the page must come; the volume is mounted by now
files=8192  # that a worker may have open at once, see the unit's drop-in
# shellcheck disable=SC2034 # turn.sh reads it
all_full=no

want() {
  local listening holder by_hand folder cleared is_first='' why name
  listening=$(listeners 80 | processes)
  holder=$(port_holder nginx.service nginx <<<"$listening")
  [ -z "$holder" ] || taken 80 "$holder"
  need nginx nginx
  for folder in /var/log/nginx /var/lib/nginx; do
    [ -d "$folder" ] || mend "$folder is missing, without which nginx does not start" give_folder "$folder"
  done
  by_hand=$(by_hand nginx.service nginx <<<"$listening")
  [ -z "$by_hand" ] ||
    mend "an nginx that was started by hand holds the port, so systemd's cannot start" end_by_hand nginx QUIT "$by_hand"
  # Its own state comes after this one.
  [[ -e $kernel_ipv6 || ! -e $listen_path ]] ||
    mend "nginx is to listen by IPv6, which the kernel has no more, and so would not start" rm -f "$listen_path"
  want_service nginx.service "$drop_in_path"
  cleared=$(cleared | xargs)
  [ -z "$cleared" ] ||
    note "nginx.service is without twopir's $cleared$(others_files nginx.service): remove the lines that clear it" \
      say "it is the user's own, so it stays"
  [ -e "$nginx_loaded" ] || is_first=yes
  why=$(outdated)
  [ -z "$why" ] || change "$why" reload
  if is_outside && mounted && mount_answers; then
    why="nginx was started without the sandbox of its unit"
    if [ -n "$is_first" ]; then
      mend "$why" restart_first
    elif may_interrupt; then
      mend "$why" in_turn systemctl restart nginx.service
    else
      note "$why" say "it is restarted by the next up at which another Pi serves"
    fi
  fi
  if [ "$mode" = check ]; then
    name=$(missed "$address" "$host")
    [ -z "$name" ] || tell symptom "$(complaint "$name")"
  else
    until_true "$patience" serves_all || wake
  fi
  [ -n "$told" ] || tell_if_odd
  [ -n "$holder" ] || tell_if_overtaken
}

# cleared: what of the drop-in another unit file clears, or has its own for: nginx would start before its release is
# there, or give up at a boot at which the volume takes its time. Of the sandbox its user may allow what he likes.
cleared() {
  local shown verb
  local -A key=([prepare]=ExecStartPre [start]=ExecStart [note]=ExecStartPost [reload]=ExecReload)
  shown=$(unit_facts nginx.service)
  is_read "$shown" "$drop_in_path" || return 0
  for verb in prepare start note reload; do
    [[ $shown == *"${key[$verb]}={"*"/nginx-runs $verb ;"* ]] || echo "${key[$verb]}"
  done
  [[ $shown == *StartLimitIntervalUSec=0* ]] || echo StartLimitIntervalSec
  [[ $'\n'$shown == *$'\n'Restart=@(always|on-failure)* ]] || echo Restart
}

# is_outside: of the sandbox, which nginx has from its next start on; a reload, and a package's upgrade, go on without.
is_outside() {
  [[ $(unit_facts nginx.service) == *NoNewPrivileges=yes* ]] &&
    grep -qs "^NoNewPrivs:[[:space:]]*0$" "/proc/$(main_pid nginx.service)/status"
}

# restart_first: of an nginx that had read nothing of twopir's. At the first up no Pi can wait until another one serves
# the site; but pages of the user's own may be served by all, so one after the other. By now this one serves the site:
# another Pi may have its turn, and wait for that.
restart_first() {
  take_turn
  systemctl restart nginx.service
}

# By Debian's packages and their own. All that is installed as Debian's "httpd" would take as long as all of apt's list.
web_servers=(apache2 caddy haproxy lighttpd pihole-FTL varnish)

# tell_if_overtaken: nginx waits for the volume at boot, so any other web server that starts has port 80 before it.
tell_if_overtaken() {
  local unit link
  for unit in "${web_servers[@]/%/.service}"; do
    for link in /etc/systemd/system/*.wants/"$unit"; do
      [ ! -e "$link" ] || break
    done
    # It is enabled: a removed package leaves its link, which leads nowhere.
    [[ -e $link && ! /etc/systemd/system/$unit -ef /dev/null ]] || continue
    if [ "$unit" = pihole-FTL.service ]; then
      ! pihole_wants_port ||
        note "Pi-hole takes port 80 before nginx at the next boot: sudo pihole-FTL --config webserver.port 8080" \
          say "its own pages are at that port then, and it goes on as it is"
    elif ! systemctl is-active -q "$unit"; then # one that runs listens elsewhere
      note "$unit is enabled, and may take port 80 before nginx at the next boot: sudo systemctl disable $unit" \
        say "where it listens elsewhere, start it, and it is named no more"
    fi
  done
}

# pihole_wants_port: by its config, where "80o,443os,[::]:80o,[::]:443os" is usual. With the "o" it runs on without the
# port where another one has it, so that it runs says nothing.
pihole_wants_port() { grep -qsE '^ *port = "([^"]*,)?([0-9.]+:)?80[a-z]*[,"]' /etc/pihole/pihole.toml; }

serves_all() { [ -z "$(missed "$address" "$host")" ]; }

# tell_if_odd: a page that comes, and that a browser does not show.
tell_if_odd() {
  local headers type=''
  headers=$(ask_nginx "$address" "$host" /)
  headers=${headers%%$'\n\n'*}$'\n'
  if [[ $headers == *$'\nContent-Type: '* ]]; then type=${headers#*$'\nContent-Type: '}; fi
  type=${type%%$'\n'*}
  if [[ $headers == *$'\nContent-Length: 0\n'* ]]; then
    note "the page of http://$host/ is empty" say "it is the user's own, so it stays as it is"
  elif [ -n "$type" ] && [[ $type != @(text/|application/xhtml+xml)* ]]; then
    note "browsers download the page of http://$host/: nginx sends it as $type" \
      say "is its line for html in /etc/nginx/mime.types as Debian made it?"
  fi
}

# give_folder FOLDER: nginx that runs goes on writing to files that nobody sees.
give_folder() {
  install -d -g adm "$1"
  timeout "$config_wait" nginx -s reopen 2>/dev/null || true
}

# objection: what nginx says of a config that it refuses, with file and line.
objection() {
  local answer
  answer=$(timeout "$config_wait" nginx -t -q 2>&1) ||
    echo ", which it refuses: $({ grep -m 1 emerg <<<"$answer" || tail -n 1 <<<"$answer"; } | sed 's/^nginx: //')"
}

# wake: one that listens and answers nobody hangs; nobody loses anything by its restart. One whose answers break off has
# files open of a mount that is gone, and new workers have not.
wake() {
  [ "$(unserved "$address" "$host")" != "$broken" ] || reload
  if [ "$(unserved "$address" "$host")" = "$silence" ] && [[ $(sockets_at 80) == *'"nginx"'* ]]; then
    say "nginx runs and answers nobody, so it is started again"
    systemctl restart nginx.service || true
  fi
  until_true "$patience" serves_all || fail "$(complaint "$(missed "$address" "$host")")"
}

complaint() { echo "nginx runs, but does not serve http://$1/ at $address: $(cause "$1")"; } # NAME

# cause NAME: of what nginx's own config says, then of its log.
cause() {
  local why config
  why=$(unserved "$address" "$1")
  if ! config=$(once nginx_config); then
    echo "it goes on with an older config than the one on disk$(objection)"
  elif ! grep -qxF "# configuration file $enabled:" <<<"$config"; then
    echo "/etc/nginx/nginx.conf does not include it: add the line" \
      "\"include /etc/nginx/sites-enabled/*;\" to its http part"
  elif [ -n "$(rivals <<<"$config")" ]; then
    echo "another server block takes it: $(rivals <<<"$config" | head -n 3 | paste -sd ';' | sed 's/;/; /g')"
  else
    echo "$why$(last_error "$1")"
  fi
}

# rivals: of "nginx -T" on stdin, where another server block than ours takes one of the names or the address.
rivals() {
  awk -v names="$(all_names "$host" | xargs)" -v address="$address" -v enabled="$enabled" '
    BEGIN { for (i = split(names, name); i > 0; i--) ours[name[i]] }
    function judge(directive,  word, words, i) {
      words = split(directive, word)
      for (i = 2; word[1] == "server_name" && i <= words; i++)
        if (word[i] in ours) print file ":" line ": server_name " word[i]
      if (word[1] == "listen" && (word[2] == address || word[2] == address ":80"))
        print file ":" line ": listen " word[2]
    }
    /^# configuration file .*:$/ { file = $4; sub(":$", "", file); line = 0; begun = ""; next }
    { line++ }
    file == enabled { next }
    {
      sub("#.*", "")
      parts = split($0, part, /[;{}]/)
      for (p = 1; p < parts; p++) { judge(begun " " part[p]); begun = "" }
      begun = begun " " part[parts]
    }'
}

# last_error NAME: what nginx logged last of the site by that name, of its last 20 lines; nothing where it did not.
last_error() {
  local line
  line=$(tail -n 20 /var/log/nginx/error.log 2>/dev/null | grep -F "host: \"$1\"" | tail -n 1 |
    sed -E 's/^.*: \*[0-9]+ //; s/, client: .*//') || true
  [ -z "$line" ] || echo " ($line)"
}

# outdated: why nginx may not run the config that is on disk, by what nginx-runs noted of it: its checksum, and the
# workers that read it. The note is worth nothing when all of these are gone: others may have read anything. Or why its
# workers are to be new ones.
outdated() {
  local noted='' workers
  [ ! -r "$nginx_loaded" ] || noted=$(<"$nginx_loaded")
  workers=$(pgrep -P "$(main_pid nginx.service)" -f '^nginx: worker process *$') || true
  if [ -n "$workers" ] && ! grep -qxF -- "${noted#*$'\n'}" <<<"$workers"; then
    echo "which config nginx runs is unknown: was it reloaded without systemctl?"
  elif ! sum | grep -qxF -- "${noted%%$'\n'*}"; then
    echo "nginx does not run the config that is on disk$(objection)"
  elif [ -n "$(lost_files "$workers")" ]; then
    echo "nginx has files open of a mount that is gone"
  elif [ "$(files_at_once)" -lt "$files" ]; then
    echo "nginx may have only $(files_at_once) files open at once, which many visitors use up"
  fi
}

# files_at_once: by the limits of nginx's master, which its next workers have, too; where that may have more (its hard
# limit).
files_at_once() {
  local line most=$files
  while read -r line; do
    if [[ $line =~ ^"Max open files "\ *([0-9]+)\ +([0-9]+) ]] && [ "${BASH_REMATCH[2]}" -ge "$files" ]; then
      most=${BASH_REMATCH[1]}
    fi
  done < <(cat "/proc/$(main_pid nginx.service)/limits" 2>/dev/null || true)
  echo "$most"
}

# lost_files PIDS: mounts that nginx's workers have files open on, and that are not there any more. nginx keeps files
# open (open_file_cache), by their paths asks no more than whether they changed, and sends of each what it still can:
# headers, and no page, where the process of the mount is gone.
lost_files() {
  local pids
  read -ra pids -d '' <<<"$1" || true
  [ ${#pids[@]} -eq 0 ] || awk 'NR == FNR { there[$1]; next } $1 == "mnt_id:" && !($2 in there)' \
    "/proc/${pids[0]}/mountinfo" <(
      pids=("${pids[@]/#//proc/}")
      find "${pids[@]/%//fd}" -lname '/*' -printf '%hinfo/%f\n' 2>/dev/null | xargs -r cat 2>/dev/null
    ) 2>/dev/null || true
}

sum() { once nginx_config | sha256sum; }

# A reload keeps the connections; it needs a config that nginx accepts and can use, and says why it does not go.
reload() {
  local answer end=$((SECONDS + patience))
  # What was written while two Pis did not see each other cannot be read for a moment when they meet.
  until answer=$(nginx -t -q 2>&1); do
    [[ $answer == *"(5: Input/output error)"* && $SECONDS -lt $end ]] ||
      fail "nginx refuses its config, so it goes on with the old one: $answer"
    sleep 0.5
  done
  systemctl reload nginx.service 2>/dev/null ||
    fail "nginx cannot use its config, so it goes on with the old one: $(last_emergency)"
}

# last_emergency: why nginx gave up, by its log, whose last line may say only that it did.
last_emergency() {
  local line
  line=$(tail -n 100 /var/log/nginx/error.log 2>/dev/null | grep -F '[emerg]' | grep -vF 'still could not bind()' |
    tail -n 1 | sed 's/^.*\[emerg\] [0-9#]*: //') || true
  echo "${line:-see /var/log/nginx/error.log}"
}

unwant() {
  rm -f "$nginx_loaded"
  if grep -qsx nginx "$notes"/packages-*; then
    systemctl stop nginx.service 2>/dev/null || true # its package goes soon
  else
    say "nginx was on $pi before us and goes on running; what it had enabled comes back at its next reload"
  fi
}
