# SPDX-License-Identifier: GPL-2.0
#
# The blocks of C in README.md files, as files that can be compiled: for "make check WHAT=lint"
# and "make try".
#
#	awk -v out=DIR -f readme-code.awk README.md kmod/README.md ...
#
# writes DIR/NAME_LINE.c for each block that begins with ```c, and prints its path. One that
# has a MODULE_LICENSE() is a complete module, and stays as it is. Others are fragments:
# definitions (what begins with "static", "struct NAME {", "enum", "typedef" or "#") are put
# before a function that has the statements; prelude.h declares what these use.

# flush_part - put the collected lines where they belong
function flush_part()
{
	if (is_definition)
		definitions = definitions part
	else
		statements = statements part
	part = ""
}

function write_block(	file, i)
{
	file = name
	gsub(/\.md$/, "", file)
	gsub(/[^A-Za-z0-9]/, "_", file)
	file = out "/" file "_" first ".c"
	if (block ~ /MODULE_LICENSE\(/) {
		printf "%s", block >file
	} else {
		flush_part()
		printf "#include \"prelude.h\"\n\n%s", definitions >file
		printf "static int __maybe_unused fragment(void)\n{\n%s\n\treturn err;\n}\n", statements >file
	}
	close(file)
	print file
}

FNR == 1 {
	if (inside)
		print FILENAME ": a block of C does not end" >"/dev/stderr"
	inside = 0
}

/^```c$/ {
	inside = 1
	name = FILENAME
	first = FNR
	block = part = definitions = statements = ""
	depth = is_definition = in_comment = 0
	next
}

inside && /^```$/ {
	inside = 0
	write_block()
	next
}

inside {
	block = block $0 "\n"
	# A part begins outside of all braces, where the last one has ended.
	if (!part && /[^ \t]/)
		is_definition = /^(static|enum|typedef|#|struct [a-z_]+ \{)/
	if (part || /[^ \t]/)
		part = part $0 "\n"
	code = $0
	gsub(/"([^"\\]|\\.)*"|\/\*.*\*\//, "", code)
	if (code ~ /\/\*/)
		in_comment = 1
	if (in_comment && code ~ /\*\//)
		in_comment = 0
	if (in_comment)
		next
	depth += gsub(/[{(]/, "", code) - gsub(/[})]/, "", code)
	if (part && !depth && code ~ /[;}][ \t]*$|^#/)
		flush_part()
}
