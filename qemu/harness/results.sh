# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Logs of kselftest's runner and of commands, most of them as they should not be, and what
# count-tests.awk has to say of them: "results NAME EXPECT [MAY_SKIP [TESTS]]", the log on
# standard input. EXPECT is what it says on its last line; with more lines before unless
# nothing failed.

results "a command" "2 1 1" . "" <<'END'
TAP version 13
ok 1 one
# ok 7 what a case has printed is no result
not ok 2 two
ok 3 three # SKIP not here
ok 4 four
1..4
2 passed, 1 failed, 1 skipped
END
results "a command that loses a result" "1 1 0" . "" <<'END'
TAP version 13
ok 1 one
1..2
END
results "a command that ends too early" "1 1 0" . "" <<'END'
TAP version 13
ok 1 one
END
results "a command that runs others" "3 0 0" . "" <<'END'
TAP version 13
ok 1 one
1..1
1..1
# selftests: scopex: a.sh
# TAP version 13
# 1..1
# ok 1 one
ok 1 selftests: scopex: a.sh
TAP version 13
ok 1 one
1..1
END
results good "3 0 0" <<'END'
TAP version 13
1..1
# selftests: scopex: a.sh
# TAP version 13
# 1..2
#   KTAP version 1
#   1..2
#   ok 1 one
#   ok 2 two
# ok 1 suite
# ok 2 rest
ok 1 selftests: scopex: a.sh
END
skipped_case=$(cat <<'END'
1..1
# selftests: scopex: a.sh
# 1..2
# ok 1 one
# ok 2 two # SKIP no failslab
ok 1 selftests: scopex: a.sh
END
)
results "skipped case" "1 1 1" <<<"$skipped_case"
results "skipped case that may be" "1 0 1" "no failslab|x" <<<"$skipped_case"
results "skipped case where another may be" "1 1 1" "a.sh: one" <<<"$skipped_case"
results "skipped case, in lower case" "1 1 1" <<<"${skipped_case/SKIP/skip}"
results "skipped nested case" "1 1 1" "no failslab" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
#   1..2
#   ok 1 one
#   ok 2 two # SKIP no tracepoints
# ok 1 suite
ok 1 selftests: scopex: a.sh
END
results "skipped program" "0 1 1" "no failslab" <<'END'
1..1
# selftests: scopex: a.sh
# 1..0 # SKIP nothing here
ok 1 selftests: scopex: a.sh # SKIP
END
results "program that plans nothing" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..0
ok 1 selftests: scopex: a.sh
END
results "skipped program that may be" "0 0 1" "a.sh # SKIP nothing here" <<'END'
1..1
# selftests: scopex: a.sh
# 1..0 # SKIP nothing here
ok 1 selftests: scopex: a.sh # SKIP
END
results "program that skips all its cases" "0 2 2" "no failslab" <<'END'
1..1
# selftests: scopex: a.sh
# 1..2
# ok 1 one # SKIP no trace events
# ok 2 two # SKIP no trace events
ok 1 selftests: scopex: a.sh # SKIP
END
results "failing case" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..2
# ok 1 one
# not ok 2 two
not ok 1 selftests: scopex: a.sh # exit=1
END
results "failing nested case" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
#   1..2
#   ok 1 one
#   not ok 2 two
# not ok 1 suite
not ok 1 selftests: scopex: a.sh # exit=1
END
results "program that fails although its cases pass" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
# ok 1 one
not ok 1 selftests: scopex: a.sh # exit=1
END
results "program that hides a failing case" "0 2 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
# not ok 1 one
ok 1 selftests: scopex: a.sh
END
results "program that dies half way" "1 2 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..3
# ok 1 one
not ok 1 selftests: scopex: a.sh # exit=137
END
results "suite that dies half way" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
#   1..3
#   ok 1 one
# ok 1 suite
ok 1 selftests: scopex: a.sh
END
results "program without a result" "0 1 0" <<'END'
1..1
# selftests: scopex: a.sh
not ok 1 selftests: scopex: a.sh # TIMEOUT 45 seconds
END
results "program that says nothing and is ok" "0 1 0" <<'END'
1..1
# selftests: scopex: a.sh
ok 1 selftests: scopex: a.sh
END
results "cases without a plan" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# ok 1 one
ok 1 selftests: scopex: a.sh
END
results "more cases than planned" "2 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
# ok 1 one
# ok 2 two
ok 1 selftests: scopex: a.sh
END
results "missing program" "0 1 0" <<'END'
TAP version 13
1..0
END
results "the VM died" "1 3 0" <<'END'
TAP version 13
1..2
# selftests: scopex: b.sh
# 1..2
# ok 1 one
END
results "numbers that do not follow" "2 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..2
# ok 1 one
# ok 1 one
ok 1 selftests: scopex: a.sh
END
results "bail out" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
# ok 1 one
# Bail out! no more
ok 1 selftests: scopex: a.sh
END
results "failure without a number" "1 1 0" <<'END'
1..1
# selftests: scopex: a.sh
# 1..1
# not ok
# ok 1 one
ok 1 selftests: scopex: a.sh
END
