// SPDX-License-Identifier: GPL-2.0
///
/// Misuse of scopex that can be seen at compile time. For a module in DIR:
///
///	spatch --very-quiet --cocci-file selftests/coccinelle/scopex.cocci \
///		--macro-file-builtins selftests/coccinelle/macros.h --dir DIR
///
/// prints one line per finding, with the name of the rule in brackets; each
/// rule is explained below. Only what is in one function is followed, and no
/// other names of a scope or an item: silence is no proof.
//
//# spatch 1.1.1 or newer, with Python
#spatch --no-includes --include-headers

@initialize:python@
@@
import re

def report(rule, text, places):
	for p in places:
		coccilib.report.print_report(p, "%s [%s]" % (text, rule))

def place(p):
	return (int(p.line), int(p.column))

def start(p):
	return (p.file,) + place(p)

def function(p):
	return (p.file, p.current_element)

# What may have braces and names in it that mean nothing
QUIET = r'\x22(\\.|[^\x22\\])*\x22|\x27(\\.|[^\x27\\])*\x27|/[*].*?[*]/|/[/][^\n]*'

# The places of what is not in comments or strings
def find(name, regex):
	text = open(name, errors = 'replace').read()
	for m in re.finditer(QUIET + '|' + regex, text, re.S | re.M):
		before = text[:m.end()].split('\n')
		yield m.group(0), (len(before), len(before[-1]))

// A scope lives on the stack of the function that opens it: see struct scopex_scope.
// [scope-not-local]

@global_scope@
identifier kind = {scopex_scope, scopex_custom_scope};
identifier x;
expression n;
position p;
@@
(
struct kind x@p;
|
struct kind x@p[n];
)

@script:python@
x << global_scope.x;
p << global_scope.p;
@@
if p[0].current_element == x:
	report("scope-not-local", "scope %s is a global variable" % x, p)

@static_scope@
identifier kind = {scopex_scope, scopex_custom_scope};
identifier f, x;
expression n;
position p;
@@
f(...) {
<+...
(
static struct kind x@p;
|
static struct kind x@p[n];
)
...+>
}

@script:python@
x << static_scope.x;
p << static_scope.p;
@@
report("scope-not-local", "scope %s is a static variable" % x, p)

@member_scope@
identifier kind = {scopex_scope, scopex_custom_scope};
identifier t, x, y;
expression n;
position p;
@@
(
struct t { ... struct kind x@p; ... }
|
struct t { ... struct kind x@p[n]; ... }
|
struct t { ... struct { ... struct kind x@p; ... } y; ... }
|
struct t { ... struct { ... struct kind x@p; ... }; ... }
|
struct t { ... union { ... struct kind x@p; ... } y; ... }
|
struct t { ... union { ... struct kind x@p; ... }; ... }
|
union t { ... struct kind x@p; ... }
|
struct { ... struct kind x@p; ... }
|
union { ... struct kind x@p; ... }
)

@script:python@
x << member_scope.x;
p << member_scope.p;
@@
report("scope-not-local", "scope %s is a member of another object" % x, p)

@heap_scope@
identifier alloc =~ "alloc";
{struct scopex_scope *, struct scopex_custom_scope *} e;
position p;
@@
e@p = alloc(...)

@script:python@
p << heap_scope.p;
@@
report("scope-not-local", "scope is allocated", p)

// The frame that a scope is in ends with its block, or with scopex_run(); its
// address has to go before that. It may be kept in another local, but not in
// what others see later, unless that is set to NULL again on every way out.
// [scope-escapes]

@initialize:python@
@@
local_at = set()	# where the name of a local variable is
array_at = set()	# where it is that of an array
local_targets = {}	# pointers of a function that were pointed at its locals
other_targets = {}	# those that were pointed at something else
reset_at = set()	# what is set to NULL before the end

# Does a store to what begins there, and reads like this, last?
def lasting(p, expr):
	name = re.search(r'\w+', expr).group(0)
	if start(p) in reset_at:
		return False
	if expr.startswith(name) and start(p) not in local_at:
		return True
	if '->' not in expr and '*' not in expr:
		return re.match(r'\w+ \[', expr) and start(p) not in array_at
	return name not in local_targets.get(function(p), set()) - \
		other_targets.get(function(p), set())

def escapes(places, expr):
	report("scope-escapes", "the scope is gone while %s points to it" %
	       expr.replace(' ', ''), [p for p in places if lasting(p, expr)])

@local_name@
local idexpression x;
position p;
@@
x@p

@script:python@
p << local_name.p;
@@
local_at.update(start(x) for x in p)

@local_init@
type t;
identifier x;
expression e;
position p;
@@
t x@p = e;

@script:python@
p << local_init.p;
@@
local_at.update(start(x) for x in p)

@local_array@
type t;
local idexpression t[] x;
position p;
@@
x@p

@script:python@
p << local_array.p;
@@
array_at.update(start(x) for x in p)

@to_local@
local idexpression x, l;
position p;
@@
l@p = &x

@script:python@
l << to_local.l;
p << to_local.p;
@@
for x in p:
	local_targets.setdefault(function(x), set()).add(l)

@to_other@
local idexpression l;
expression e;
position p != to_local.p;
@@
l@p = e

@script:python@
l << to_other.l;
p << to_other.p;
@@
for x in p:
	other_targets.setdefault(function(x), set()).add(l)

@reset@
expression e, s;
position p;
@@
(
e@p = s
|
WRITE_ONCE(e@p, s)
|
smp_store_release(&e@p, s)
|
rcu_assign_pointer(e@p, s)
)
... when strict
(
e = NULL
|
WRITE_ONCE(e, NULL)
|
smp_store_release(&e, NULL)
|
rcu_assign_pointer(e, NULL)
)

@script:python@
p << reset.p;
@@
reset_at.update(start(x) for x in p)

// scopex_scope() { ... }

@block@
iterator it =~ "^scopex_block$";
identifier s;
statement body;
position q;
@@
it(s@q, ...) body

@stored@
iterator block.it;
identifier block.s;
position block.q;
expression e;
position p;
@@
it(s@q, ...) {
<+...
(
e@p = s
|
WRITE_ONCE(e@p, s)
|
smp_store_release(&e@p, s)
|
rcu_assign_pointer(e@p, s)
)
...+>
}

@script:python@
e << stored.e;
p << stored.p;
@@
escapes(p, e)

@returned@
iterator block.it;
identifier block.s;
position block.q;
position p;
@@
it(s@q, ...) {
<+...
return s@p;
...+>
}

@script:python@
p << returned.p;
@@
report("scope-escapes", "the scope is gone when its address is returned", p)

// The body of scopex_run(), whose argument is the caller's.

@run@
identifier f;
position p;
@@
__scopex_run(f@p, ...)

@stored_by_body@
identifier run.f;
identifier s, arg;
expression e;
position p;
@@
f(struct scopex_scope *s, void *arg) {
<+...
(
e@p = s
|
WRITE_ONCE(e@p, s)
|
smp_store_release(&e@p, s)
|
rcu_assign_pointer(e@p, s)
)
...+>
}

@script:python@
e << stored_by_body.e;
p << stored_by_body.p;
@@
escapes(p, e)

// A scope that is opened by hand.

@stored_by_hand@
local idexpression {struct scopex_scope, struct scopex_custom_scope} s;
expression e;
position p;
@@
(
e@p = \(&s\|&s.scope\)
|
WRITE_ONCE(e@p, \(&s\|&s.scope\))
|
smp_store_release(&e@p, \(&s\|&s.scope\))
|
rcu_assign_pointer(e@p, \(&s\|&s.scope\))
)

@script:python@
e << stored_by_hand.e;
p << stored_by_hand.p;
@@
escapes(p, e)

@returned_by_hand@
local idexpression {struct scopex_scope, struct scopex_custom_scope} s;
position p;
@@
return \(&s@p\|&s@p.scope\);

@script:python@
p << returned_by_hand.p;
@@
report("scope-escapes", "the scope is gone when its address is returned", p)

// A function that is given a scope. Only its caller knows which objects live as
// long as that; global variables live longer.

@stored_by_helper@
identifier f, s;
expression e;
position p != stored_by_body.p;
@@
f(..., struct scopex_scope *s, ...) {
<+...
(
e@p = s
|
WRITE_ONCE(e@p, s)
|
smp_store_release(&e@p, s)
|
rcu_assign_pointer(e@p, s)
)
...+>
}

@script:python@
e << stored_by_helper.e;
p << stored_by_helper.p;
@@
escapes([x for x in p if re.match(r'\w', e) and start(x) not in local_at], e)

// An item is a part of its scope: if it waits for that, it waits for itself. Scopes
// that it opens are another matter. Taken for an item's function is what an item is
// given as one in the same file, and what asks for the scope of its item.
// [item-waits]

@initialize:python@
@@
item_functions = set()
item_scopes = {}	# names of a function for the scope of its item

def in_items(places):
	return [p for p in places if function(p) in item_functions]

@given@
identifier f;
expression e;
position p;
@@
(
scopex_work_init(e, f@p)
|
SCOPEX_WORK_INIT(f@p)
|
e.fn = f@p
)

@script:python@
f << given.f;
p << given.p;
@@
item_functions.update((x.file, f) for x in p)

@given_by_name@
identifier f;
position p;
@@
{ .fn = f@p, }

@script:python@
f << given_by_name.f;
p << given_by_name.p;
@@
item_functions.update((x.file, f) for x in p)

@asks@
identifier f, w;
position p;
@@
f(struct scopex_work *w, ...) {
<+...
scopex_work_scope@p(w)
...+>
}

@script:python@
p << asks.p;
@@
item_functions.update(function(x) for x in p)

@named@
identifier s;
expression w;
position p;
@@
s@p = scopex_work_scope(w)

@script:python@
s << named.s;
p << named.p;
@@
for x in p:
	item_scopes.setdefault(function(x), set()).add(s)

@waits@
expression e;
position p;
@@
scopex_join@p(e)

@script:python@
e << waits.e;
p << waits.p;
@@
report("item-waits", "an item waits for the scope that it belongs to",
       [x for x in in_items(p) if '->' in e or e.startswith('scopex_work_scope')
	or e in item_scopes.get(function(x), ())])

// An item on a stack frame, or in a block, has to be completed before that ends. So an
// item is declared where the scope is, or further out; or the function waits for it.
// [item-on-inner-frame]: the scope is one of a caller, or of the item that runs
// [item-in-block]: the item is dead at the end of the block, where the wait is

@initialize:python@
@@
variables = {}		# of a function, by name: is it an array?
inner_variables = {}	# the same for a scopex_scope() block, and where they are
foreign_scopes = {}	# names of scopes that a function has not opened
waited_at = {}		# where the items of a submit are waited for
blocks = {}		# beginnings and ends of { ... } in a file

# The variable that an item is, or is a part of; '' for one without a name.
def variable(item, known):
	if re.match(r'& \( struct \w+ \)', item):
		return ''
	name = re.match(r'(?:& )?(\w+)', item)
	if not name or name.group(1) not in known:
		return None
	name = name.group(1)
	if known[name]:
		part = r'%s$|& %s \[ [^\]]* \]( \. \w+)*$' % (name, name)
	else:
		part = r'& %s( \. \w+)*( \[ [^\]]* \])?$' % name
	return name if re.match(part, item) else None

def is_foreign(scope, p):
	return scope in foreign_scopes.get(function(p), ()) or '->' in scope or \
		scope.startswith('scopex_work_scope')

def waited(places, waits):
	for p in places:
		waited_at.setdefault(start(p), []).extend(place(j) for j in waits)

# To match blocks with SmPL takes minutes in a long function.
def blocks_of(name):
	if name not in blocks:
		blocks[name], stack = [], []
		for text, where in find(name, '[{}]'):
			if text == '{':
				stack.append(where)
			elif text == '}' and stack:
				blocks[name].append((stack.pop(), where))
	return blocks[name]

# Is there a wait before the end of the block that this is declared in?
def waited_in_block(p, declared):
	around = [b for b in blocks_of(p.file) if b[0] < declared < b[1]]
	return any(j < min(b[1] for b in around)
		   for j in waited_at.get(start(p), ()) if around)

def inner_frame(p, scope, item):
	if not is_foreign(scope, p) or start(p) in waited_at:
		return
	if variable(item, variables.get(function(p), {})) is not None:
		report("item-on-inner-frame",
		       "an item of this function is in a scope that outlives it", [p])

def in_block(p, item, inner):
	name = variable(item, {x: a for x, (a, d) in inner.items()})
	if name == '' and start(p) not in waited_at or \
	   name and not waited_in_block(p, inner[name][1]):
		report("item-in-block",
		       "the item is dead when the scope waits for it", [p])

@submit@
identifier fn =~ "^scopex_(try_)?submit(_on|_array|_strided)?$";
expression s, cpu, item, nr, member;
expression list[n] cpus;
position p;
@@
(
fn@p(s, cpu, item, nr, member)
|
fn@p(s, cpus, item)
)

@foreign_parameter@
identifier f, s;
position p;
@@
f@p(..., struct scopex_scope *s, ...) { ... }

@script:python@
f << foreign_parameter.f;
s << foreign_parameter.s;
p << foreign_parameter.p;
@@
for x in p:
	foreign_scopes.setdefault((x.file, f), set()).add(s)

@foreign_name@
local idexpression l;
expression e;
position p;
@@
(
l@p = scopex_work_scope(...)
|
l@p = e->scope
)

@script:python@
l << foreign_name.l;
p << foreign_name.p;
@@
for x in p:
	foreign_scopes.setdefault(function(x), set()).add(l)

@static_variable@
type t;
identifier x;
expression n;
initializer i;
position p;
@@
(
static t x@p;
|
static t x@p = i;
|
static t x@p[n];
|
static t x@p[n] = i;
)

@plain@
type t;
identifier x;
initializer i;
position p != static_variable.p;
@@
(
t x@p;
|
t x@p = i;
)

@script:python@
x << plain.x;
p << plain.p;
@@
for y in p:
	variables.setdefault(function(y), {})[x] = False

@array@
type t;
identifier x;
expression n;
initializer i;
position p != static_variable.p;
@@
(
t x@p[n];
|
t x@p[n] = i;
)

@script:python@
x << array.x;
p << array.p;
@@
for y in p:
	variables.setdefault(function(y), {})[x] = True

@inner@
iterator block.it;
identifier block.s;
position block.q;
type t;
identifier x;
expression n;
initializer i;
position p != static_variable.p;
@@
it(s@q, ...) {
<+...
(
t x@p;
|
t x@p = i;
|
t x@p[n];
|
t x@p[n] = i;
)
...+>
}

@script:python@
q << block.q;
x << inner.x;
p << inner.p;
@@
for y in p:
	inner_variables.setdefault(start(q[0]), {})[x] = \
		(variables.get(function(y), {}).get(x), place(y))

@wait@
identifier submit.fn;
expression submit.s, submit.item;
position submit.p, j;
@@
fn@p(s, ...)
... when strict
(
scopex_join@j(s)
|
scopex_join_item@j(item)
)

@script:python@
p << submit.p;
j << wait.j;
@@
waited(p, j)

@poll@
identifier submit.fn;
expression submit.s, e;
position submit.p, j;
statement S;
@@
fn@p(s, ...)
... when strict
while (<+... scopex_work_busy@j(e) ...+>) S

@script:python@
p << submit.p;
j << poll.j;
@@
waited(p, j)

// A submit that failed leaves nothing to wait for.

@checked_wait@
identifier submit.fn;
expression submit.s, submit.item, err;
position submit.p, j;
statement S;
@@
(
if (<+... fn@p(s, ...) ...+>) S
|
err = fn@p(s, ...);
if (<+... err ...+>) S
)
... when strict
(
scopex_join@j(s)
|
scopex_join_item@j(item)
)

@script:python@
p << submit.p;
j << checked_wait.j;
@@
waited(p, j)

@script:python@
s << submit.s;
item << submit.item;
p << submit.p;
@@
for x in p:
	inner_frame(x, s, item)

@inner_submit@
iterator block.it;
identifier block.s;
position block.q;
identifier submit.fn;
expression cpu, item, nr, member;
expression list cpus;
position p;
@@
it(s@q, ...) {
<+...
(
fn@p(s, cpu, item, nr, member)
|
fn@p(s, cpus, item)
)
...+>
}

@script:python@
q << block.q;
item << inner_submit.item;
p << inner_submit.p;
@@
for x in p:
	in_block(x, item, inner_variables.get(start(q[0]), {}))

// What spatch can't parse, and what is an argument of a macro that it does not know, it
// passes over without a word; with that the scope, or the body, that is in there. So it does
// with a block that has no braces, and begins with "if".
// [not-seen]

@initialize:python@
@@
files = set()
seen_at = set()		# where the first argument of what opens a scope is

@defined@
identifier f;
position p;
@@
f@p(...) { ... }

@script:python@
p << defined.p;
@@
files.update(x.file for x in p)

@script:python@
q << block.q;
@@
seen_at.update(start(x) for x in q)

@script:python@
p << run.p;
@@
seen_at.update(start(x) for x in p)

@finalize:python@
@@
for name in sorted(files):
	for text, (line, column) in find(name, r'^[ \t]*#([^\n]*\\\n)*[^\n]*|'
			r'\bscopex_(scope|run)\((?=\w+[,)])'):
		if text.startswith('scopex_') and (name, line, column) not in seen_at:
			print("%s:%d:%d-%d: spatch does not see this %s) [not-seen]" %
			      (name, line, column - len(text), column, text))
