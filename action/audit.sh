#!/usr/bin/env bash
# What the GitHub Action runs: one audit, whose evidence is then written as SARIF for code scanning
# and as the summary of the step. The exit code is the audit's own.
#
# From action.yml: PORTCULLIS, the program; AUDIT_TARGET, what is read, may be empty; AUDIT_COMMAND, a
# word on each line, may be empty; AUDIT_FAIL_ON, AUDIT_PERSONA, AUDIT_BASELINE (may be empty), AUDIT_SARIF.
# From the runner: RUNNER_TEMP, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY.
set -euo pipefail

evidence="$(mktemp -d "$RUNNER_TEMP/portcullis.XXXXXX")/seen.evidence"
judged=(--persona "$AUDIT_PERSONA" --fail-on "$AUDIT_FAIL_ON")
if [[ -n "$AUDIT_BASELINE" ]]; then
  judged+=(--baseline "$AUDIT_BASELINE")
fi
looked=()
case "$AUDIT_TARGET" in
  "") ;;
  -*) looked+=("./$AUDIT_TARGET") ;; # a file, and no option
  *) looked+=("$AUDIT_TARGET") ;;
esac
if [[ -n "$AUDIT_COMMAND" ]]; then
  mapfile -t words <<<"${AUDIT_COMMAND%$'\n'}"
  looked+=(-- "${words[@]}")
fi

# A report is written whatever is in it; one that cannot be written fails the step.
write() {
  local code=0
  "$PORTCULLIS" audit "${judged[@]}" "$@" "$evidence" || code=$?
  if ((code != 0 && code != 3 && code < 11)); then
    exit "$code"
  fi
}

code=0
"$PORTCULLIS" audit "${judged[@]}" --save-evidence "$evidence" "${looked[@]}" || code=$?
# Without evidence nothing was looked at, and that was said.
if [[ -f "$evidence" ]]; then
  write --format sarif --output "$AUDIT_SARIF"
  write --format markdown >>"$GITHUB_STEP_SUMMARY"
  echo "sarif=$AUDIT_SARIF" >>"$GITHUB_OUTPUT"
fi
exit "$code"
