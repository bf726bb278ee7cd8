# shellcheck shell=bash disable=SC2154
# Before a record points at a Pi, its copy is complete. It runs when the list of those that serve changes, and is never
# found to differ: while the site is written to, there is always something to heal for a moment.

use gate heals
takes 'serving[]' # addresses of the Pis that have or get a record

patience=3600 # seconds; a full copy of a 30 GB card at 10 MB/s
# What was left when gluster was last asked.
waiting='it does not say how many files'

want() {
  need_glusterd
  [ "$mode" != check ] || return 0
  until_true "$patience" healed ||
    fail "volume $volume still heals after $patience s ($waiting): wait for it, then run pulumi up again"
}

# A brick that is off cannot be healed now and is not waited for; "-" stands for its number, and the others' count what
# waits for it, too.
healed() {
  local now lacking
  now=$(heal_counts)
  [ -n "$now" ] || return 1 # gluster did not answer
  if grep -qxF -- - <<<"$now"; then
    lacking=$(lacking_copies)
    [ -z "$lacking" ] || { waiting="copies that still lack files: $(xargs <<<"$lacking")" && return 1; }
    say "a copy of $volume is off; the others serve ${serving[*]}"
    return 0
  fi
  now=$(awk '{ sum += $1 } END { print sum + 0 }' <<<"$now")
  [ "$now files" = "$waiting" ] || [ "$now" -eq 0 ] || say "$now files to heal"
  waiting="$now files"
  [ "$now" -eq 0 ]
}

unwant() { :; }
