# SPDX-License-Identifier: GPL-2.0
#
# A console that is taken over in the middle of a line prints a mark, and the line
# again: leave out what was cut, and the mark.

function put()
{
	if (held)
		print line
	held = 0
}

{ sub(/\r+$/, "") }

/^\*\* replaying previous printk message \*\*$/ {
	held = 0
	next
}

{
	put()
	line = $0
	held = 1
}

END { put() }
