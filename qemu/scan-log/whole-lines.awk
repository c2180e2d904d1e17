# SPDX-License-Identifier: GPL-2.0
#
# When a console is taken over in the middle of a line, the kernel prints a mark, and the line
# again: leave out the cut part, with which the whole line begins, and the mark. If the console
# was taken over before the line's first character, the text above is another line.

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
