# shellcheck shell=bash
# The lab's processes, kept in control groups: what is in the lab's group was started by the lab, whatever became of
# its parents, and the kernel ends a whole group at once, without a process id that could have passed to another.
# Sourced, not run.

cgroup_root=/sys/fs/cgroup
[ ! -d /sys/fs/cgroup/unified ] || cgroup_root=/sys/fs/cgroup/unified
group=$cgroup_root/$prefix-$hash

# spawn GROUP LOG COMMAND...: starts a command in the background that outlives this one; in its group on return.
spawn() {
  local name=$1 log=$2
  shift 2
  { mkdir -p "$group/$name" && [ -e "$group/cgroup.kill" ]; } ||
    die "cannot make the control group $group/$name: the lab needs root and a mounted cgroup2 (Linux 5.14 or later)"
  (
    exec </dev/null >>"$log" 2>&1 9>&-
    # Where a `down` has removed the group by now, the command must not start any more.
    echo $BASHPID >"$group/$name/cgroup.procs" || exit
    exec setsid "$@"
  ) &
  until grep -qsx $! "$group/$name/cgroup.procs" || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
}

# lives GROUP: whether a process is in it.
lives() { grep -qs '^populated 1' "$group/$1/cgroup.events"; }

# processes GROUP: each thread of it, those that are ending too, and where in the kernel the ones that wait there are.
processes() {
  local pids task
  pids=$(grep -lsE "/$prefix-$hash/$1(/|$)" /proc/[0-9]*/cgroup | cut -d / -f 3 | paste -sd ,) || true
  [ -n "$pids" ] || return 0
  ps -L -o pid,lwp,ppid,stat,etime,wchan:32,args -p "$pids"
  for task in $(ps -L -o pid=,lwp=,stat= -p "$pids" | awk '$3 ~ /^[DZ]/ { print "/proc/" $1 "/task/" $2 }'); do
    echo "== $task"
    cat "$task/stack" 2>/dev/null || true
  done
}

# end_group [GROUP]: kills every process of the group (of the whole lab without a name) and removes it.
end_group() {
  local dir=$group${1:+/$1} deadline=$((SECONDS + 20)) hierarchy
  if [ -d "$dir" ]; then
    echo 1 >"$dir/cgroup.kill"
    until grep -q '^populated 0' "$dir/cgroup.events"; do
      [ $SECONDS -lt $deadline ] || die "processes of $dir do not end, 20 s after SIGKILL: see $dir/cgroup.procs"
      sleep 0.05
    done
  fi
  # Where the machine still has the old hierarchies, systemd-nspawn makes its groups in that of systemd as well.
  for hierarchy in "$cgroup_root" /sys/fs/cgroup/systemd; do
    dir=$hierarchy/$prefix-$hash${1:+/$1}
    [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} +
  done
}

# pid1 K: the process id here of Pi k's own PID 1; fails when the Pi is off.
pid1() {
  local pid
  # NSpid lists a process's ids from the outermost namespace inward.
  # shellcheck disable=SC2016 # awk's own variables
  pid=$(find "$group/pi$1" -name cgroup.procs -exec cat {} + 2>/dev/null |
    # grep goes on where a process has ended meanwhile, which awk would not.
    sed 's#.*#/proc/&/status#' | xargs -r grep -sh '^NSpid:' | awk 'NF == 3 && $3 == 1 { print $2 }') || true
  [ -n "$pid" ] && echo "$pid"
}
