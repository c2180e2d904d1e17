# SPDX-License-Identifier: GPL-2.0
#
# Look for splats in a kernel's console log; see scan.sh. The variables deny
# and allow name the files with the patterns.
#
# A test that provokes a warning brackets it with two lines:
#	scopex_test: expect "TEXT"
#	scopex_test: expected
# Between these lines exactly one warning has to come, and it has to contain TEXT. With
#	scopex_test: expect "TEXT" and "TEXT"
# there have to be two, in this order. With
#	scopex_test: expect report "TEXT"
# it is not a warning, but a line that contains TEXT; the other lines of a warning (registers, a
# call trace) may follow, but not the first line of another one.

function bad(what)
{
	print what
	failed = 1
}

function load(file, list,	line, n)
{
	while ((getline line < file) > 0)
		if (line != "" && line !~ /^#/)
			list[++n] = line
	close(file)
	if (!n)
		bad("no patterns in " file)
	return n
}

# Does the line match one of the deny patterns from..to, and none of allow?
function is_splat(line, from, to,	i, j)
{
	for (i = from; i <= to; i++) {
		if (line !~ denied[i])
			continue
		for (j = 1; j <= nr_allowed; j++)
			if (line ~ allowed[j])
				return 0
		return 1
	}
	return 0
}

# Does the line contain the text that is expected next?
function is_wanted(line)
{
	return found < nr_texts && index(line, texts[found + 1])
}

# A block from "cut here" to "end trace" is at its end: was it the expected one?
function end_block(	i)
{
	in_block = 0
	if (open && !report && block_named && block_warnings == 1) {
		found++
		return
	}
	for (i = 1; i <= block_lines; i++)
		check(block[i])
}

function check(line)
{
	if (is_splat(line, 1, nr_denied))
		bad(line)
}

BEGIN {
	nr_patterns = load(deny, patterns)
	for (i = 1; i <= nr_patterns; i++) {
		if (patterns[i] == "[warning]")
			nr_headers = nr_denied
		else
			denied[++nr_denied] = patterns[i]
	}
	nr_allowed = load(allow, allowed)
	for (i = 1; i <= nr_allowed; i++) {
		if (allowed[i] !~ /\t./)
			bad("no reason given in " allow " for " allowed[i])
		sub(/\t.*/, "", allowed[i])
	}
}

/Linux version / { banners++ }
powered_down && /^\[ *[0-9]+\.[0-9]+\]/ { bad("after the power-off: " $0) }
/reboot: Power down$/ { powered_down = NR }

/scopex_test: expect (report )?"/ {
	if (in_block)
		end_block()
	if (open)
		bad("the expected warning region does not end: " text)
	text = $0
	sub(/^.*scopex_test: expect (report )?"/, "", text)
	sub(/"$/, "", text)
	open = 1
	report = /scopex_test: expect report "/
	nr_texts = split(text, texts, /" and "/)
	found = 0
	next
}

/scopex_test: expected$/ {
	if (in_block)
		end_block()
	if (!open)
		bad("the end of an expected warning without its beginning")
	else if (found < (report ? 1 : nr_texts))
		bad("no warning with the expected text: " text)
	open = 0
	next
}

open && report && !/-\[ cut here \]-/ {
	own = !found && index($0, text)
	if (own)
		found = 1
	if (is_splat($0, 1, found ? nr_headers : nr_denied) || (!own && /WARNING: /))
		bad($0)
	next
}

open && /-\[ cut here \]-/ {
	if (in_block)
		end_block()
	in_block = 1
	block_lines = block_warnings = block_named = 0
}

in_block {
	block[++block_lines] = $0
	if (/WARNING: /)
		block_warnings++
	if (is_wanted($0))
		block_named = 1
	# Something worse does not get through as a part of a warning.
	if (is_splat($0, 1, nr_headers) && !is_wanted($0))
		bad($0)
	if (/-\[ end trace/)
		end_block()
	next
}

{ check($0) }

END {
	if (in_block)
		end_block()
	if (open)
		bad("the expected warning region does not end: " text)
	if (!NR)
		bad("the log is empty")
	if (banners != 1)
		bad("the log has the kernel's boot banner " banners + 0 " times")
	if (!powered_down)
		bad("the log does not end with a power-off")
	exit failed
}
