# SPDX-License-Identifier: GPL-2.0
#
# A console that is taken over in the middle of a line prints a mark, and the line
# again: leave out what was cut, which the line begins with, and the mark. It may have
# been taken over before the line's first character; then what is above is another line.

function put()
{
	if (held)
		print line
	held = 0
}

{ sub(/\r+$/, "") }

/^\*\* replaying previous printk message \*\*$/ {
	replayed = 1
	next
}

{
	if (replayed && substr($0, 1, length(line)) == line)
		held = 0
	put()
	line = $0
	held = 1
	replayed = 0
}

END { put() }
