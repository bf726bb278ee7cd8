# shellcheck shell=bash disable=SC2154
# What a look runs on one Pi: the checks of all its states at once, each in a shell of its own, and their answers in
# order. It goes behind lib.sh; remote/state.ts adds the checks, and a nonce that no script can guess.

# In memory: what each check prints, and what they ask in common, which a check that runs alone asks for itself.
answers=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf -- "$answers"' EXIT
limit=256 # KiB; a check that never ends to print fills no memory,
ulimit -f "$limit"
trap '' XFSZ    # and fails to write more, rather than being killed
export LC_ALL=C # lengths are in bytes
# Bash tells of a killed check with its whole text, the secrets too, whenever it hears of it.
exec 2>/dev/null

names=() checks=()

# started NAME: the check that began last is of this state.
started() {
  names+=("$1")
  checks+=($!)
}

# report NONCE: each answer between two lines that begin with the nonce, the second with the check's exit status. No
# process is started for it: two for each of 25 checks take 0.05 s of processor time.
report() {
  local i status answer
  for i in "${!checks[@]}"; do
    status=0
    wait "${checks[i]}" || status=$?
    printf '\n%s begin %s\n' "$1" "${names[i]}"
    IFS= read -r -d '' answer <"$answers/$i" || true
    printf '%s' "$answer"
    [ ${#answer} -lt $((limit * 1024)) ] || printf '\nit printed more than %s KiB' "$limit"
    printf '\n%s end %s\n' "$1" "$status"
  done
}
