// SPDX-License-Identifier: GPL-2.0
///
/// What a coroutine must not do (see scopex_coroutine()), as far as it can be seen at compile
/// time. Run as scopex.cocci is. A coroutine returns in each scopex_await() and scopex_yield(),
/// and its next call goes on there.
///
/// [lost-variable]	a local variable has lost its value there
/// [frame-in-await]	what the await leaves for others points into the frame that ends there
/// [held-lock]		a lock, or another section of the thread, is held there
/// [held-cleanup]	guard() or a variable with __cleanup ends there, and does not begin again
/// [await-in-switch]	the place to go on at is a case of the inner switch
/// [await-in-scope]	a scope on the stack is left there
/// [not-seen]		an await that the rules have not looked at
///
/// spatch says what an expression does, and where. Which places a value can reach is found in
/// Python, from the statements of the function: rules with "..." for that take minutes, as there
/// are many ways through loops with several awaits.
///
/// Bounds: one function at a time, and a variable is its name. A variable with a new value for a
/// part of it, or with a pointer to it, counts as set. A variable that is set before the block,
/// as a parameter is, and nowhere in it, has that value in each call. The right side of && and ||
/// counts as evaluated. A trylock is passed over, and a lock that a function of the caller's takes.
//
//# spatch 1.1.1 or newer, with Python
#spatch --no-includes --include-headers

@initialize:python@
@@
import bisect
import re

# What may have braces and names in it that mean nothing
QUIET = r'\x22(?:\\.|[^\x22\\])*\x22|\x27(?:\\.|[^\x27\\])*\x27|/[*].*?[*]/|/[/][^\n]*|' \
	r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*'

# What is taken and given back by calls
SECTIONS = (
	r'(?P<kind>(?:raw_)?(?:spin|read|write)|(?:ww_)?mutex|local|s?rcu_read|cpus_read|rtnl|'
	r'inode|console|task)_(?:(?P<taken>lock)|unlock)(?:_(?:irq|irqsave|irqrestore|bh|sched|'
	r'nested|irqsave_nested|slow|io|interruptible|killable))?$',
	r'(?:percpu_)?(?:(?P<taken>down)|up)(?P<kind>|_read|_write)(?:_nested|_killable)?$',
	r'(?:(?P<taken>lock)|release)_(?P<kind>sock)$',
	r'(?P<kind>preempt|migrate|local_bh|local_irq|pagefault)_(?:(?P<taken>disable|save)|'
	r'enable|restore)$',
	r'(?:(?P<taken>get)|put)_(?P<kind>cpu)$',
)

# Does a call take something, and what? None if it is about something else. The last two are
# about the thread, not about an object.
def section(name, of):
	for regex in SECTIONS:
		m = re.match(regex, name)
		if m:
			of = '' if regex in SECTIONS[-2:] else of
			return m.group('taken'), (m.group('kind'), of)

facts = {}	# what the rules below have found, by file

def note(kind, what, places, ends = None):
	for p, q in zip(places, ends or places):
		facts.setdefault(p.file, []).append(
			(kind, str(what), p, (int(p.line), int(p.column)),
			 (int(q.line_end), int(q.column_end))))

@await@
position p;
@@
(
scopex_await@p(...)
|
scopex_yield@p(...)
)

@script:python@
p << await.p;
@@
note('await', None, p)

@used depends on await@
local idexpression x;
position p;
@@
x@p

@script:python@
x << used.x;
p << used.p;
@@
note('use', x, p)

@set_to depends on await@
local idexpression x;
expression e, n;
identifier m, m2;
position p, q;
@@
(
x@p = e@q
|
x@p.m = e@q
|
x@p[n] = e@q
|
x@p.m.m2 = e@q
|
x@p.m[n] = e@q
|
x@p[n].m = e@q
)

@script:python@
x << set_to.x;
p << set_to.p;
q << set_to.q;
@@
note('set', x, p, q)

@changed depends on await@
local idexpression x;
assignment operator op != {=};
expression e;
position p;
@@
(
x@p op e
|
x@p++
|
x@p--
|
 ++x@p
|
 --x@p
)

@script:python@
x << changed.x;
p << changed.p;
@@
note('change', x, p)

@declared depends on await@
type t;
identifier x;
position p;
@@
t x@p;

@script:python@
x << declared.x;
p << declared.p;
@@
note('declare', x, p)

@pointed_at depends on await@
local idexpression x;
expression n;
identifier m, m2;
position p;
@@
(
 &x@p
|
 &x@p.m
|
 &x@p[n]
|
 &x@p.m.m2
|
 &x@p.m[n]
|
 &x@p[n].m
)

@script:python@
x << pointed_at.x;
p << pointed_at.p;
@@
note('point', x, p)

@array depends on await@
type t;
local idexpression t[] x;
position p;
@@
x@p

@script:python@
x << array.x;
p << array.p;
@@
note('array', x, p)

@by_macro depends on await@
identifier f =~ "irq_?save|^local_save_flags$|^(__)?get_user$|^va_(start|copy)$";
local idexpression x;
expression list[n] before;
position p;
@@
f(before, x@p, ...)

@script:python@
x << by_macro.x;
p << by_macro.p;
@@
note('fill', x, p)

@call depends on await@
identifier f =~ "lock|^(percpu_)?(down|up)|_(disable|enable|save|restore)$|^(get|put)_cpu$|_sock$";
position p;
@@
f@p(...)

@script:python@
f << call.f;
p << call.p;
@@
note('call', f, p)

// Pointers into the frame that stay in another object

@refilled depends on await@
expression e, e2;
identifier m;
position p, q;
@@
e->m@p = e2@q

@script:python@
e << refilled.e;
m << refilled.m;
p << refilled.p;
q << refilled.q;
@@
note('refill', '%s->%s' % (e, m), p, q)

@kept depends on await@
expression e;
identifier m;
local idexpression x;
position p;
@@
e->m = &x@p

@script:python@
e << kept.e;
m << kept.m;
p << kept.p;
@@
note('keep', '%s->%s' % (e, m), p)

@finalize:python@
@@
NO_BLOCK = {'if', 'while', 'for', 'switch', 'return', 'typeof', '__typeof__', '__attribute__'}
HOLDS = {'guard', 'CLASS', '__free', '__cleanup'}
BAD = {
	'switch': ("await-in-switch", "the case is one of the inner switch"),
	'scopex_scope': ("await-in-scope", "the coroutine leaves a scope that is on the stack"),
	'scoped_guard': ("held-cleanup", "the guard ends here, and does not begin again"),
	'scoped_cond_guard': ("held-cleanup", "the guard ends here, and does not begin again"),
}
told = set()

def report(p, rule, text):
	said = (p.file, p.line, p.column, rule, text)
	if said not in told:
		coccilib.report.print_report(p, "%s [%s]" % (text, rule))
	told.add(said)

# The text of a file as words, with what brackets match
class Words:
	def __init__(self, name):
		data = open(name, encoding = 'latin-1').read()
		self.lines = [0] + [m.end() for m in re.finditer('\n', data)]
		found = re.finditer(QUIET + r'|(?P<word>\w+|->|\S)', data, re.S | re.M)
		found = [m for m in found if m.group('word')]
		self.words = [m.group() for m in found] + [';']
		self.at = [m.start() for m in found] + [len(data)]
		self.end = {}	# the index of the bracket that closes one
		self.outer = []	# the index of the bracket that a word is in, or None
		stack = [None]
		for i, word in enumerate(self.words):
			if word in list(')]}') and len(stack) > 1:
				self.end[stack.pop()] = i
			self.outer.append(stack[-1])
			if word in list('([{'):
				stack.append(i)
		for i in stack[1:]:
			self.end[i] = len(found)

	def offset(self, place):
		return self.lines[place[0] - 1] + place[1]

	def index(self, offset):
		return bisect.bisect_left(self.at, offset)

	# The arguments of the call whose bracket is at i, each from one index to another
	def arguments(self, i):
		cuts = [i] + [k for k in range(i + 1, self.end[i])
			      if self.words[k] == ',' and self.outer[k] == i] + [self.end[i]]
		return [(a + 1, b) for a, b in zip(cuts, cuts[1:])]

	def text(self, span):
		return ' '.join(self.words[span[0]:span[1]])

	def is_argument(self, i):
		return self.words[i - 1] in '(,' and self.words[i + 1] in '),'

	# Is the word a field's name there, or not evaluated?
	def means_nothing(self, i):
		out = self.outer[i]
		if out and re.match('container_of|offsetof|.*_entry', self.words[out - 1]):
			return self.words[i - 1] == ',' and self.words[i + 1] == ')'
		while i and self.words[i - 1] in list('(*&'):
			i -= 1
		return self.words[i - 1] in {'sizeof', 'typeof', '__typeof__'}

# Where a function's values can come from. A state is a set of facts that may hold at a place:
#	('lost', variable, line of the await)
#	('held', what, its object, the block that it ends with or None)
#	('kept', an object's field that points into the frame)
class Function:
	def __init__(self, w, begin, end, found):
		self.w, self.begin, self.end = w, begin, end
		self.labels = {}
		self.entry = frozenset()
		self.inside, self.breaks, self.continues, self.cases = [], [], [], []
		self.fetch(found)
		known = None
		while known != self.labels:
			known = dict(self.labels)
			self.statement(begin, frozenset())

	# Sort what spatch has found by when it has its effect.
	def fetch(self, found):
		w, events, inside = self.w, [], range(self.begin, self.end)
		arrays = {at for kind, x, p, at, end in found if kind == 'array'}
		# An element of what a pointer leads to is not a part of the variable.
		found = [f for f in found if f[0] not in ('set', 'point') or f[3] in arrays or
			 w.words[w.index(f[3]) + 1] != '[']
		found += [('point',) + f[1:] for f in found
			  if f[0] == 'array' and w.is_argument(w.index(f[3]))]
		# A macro before a block, as list_for_each_entry(), may set its arguments.
		begin = next(i for i in inside if w.words[i] == 'scopex_coroutine')
		given = {w.at[k] for i in inside if self.is_block(i) and i != begin
			 for k in range(i + 2, w.end[i + 1]) if w.is_argument(k)}
		found += [('fill',) + f[1:] for f in found if f[0] == 'use' and f[3] in given]
		unread = {f[3] for f in found if f[0] in ('set', 'point', 'fill', 'declare')}
		awaits = []	# begin of the arguments, end of the first two, end of all
		for kind, x, p, at, end in found:
			if kind == 'await':
				i = w.index(at) + 1
				result = w.arguments(i)[:2][-1]
				close = w.at[w.end[i]]
				awaits.append((w.at[i], w.at[result[1]], close))
				events.append((close, 0, 'await', None, p))
				if w.words[i - 1] == 'scopex_await' and \
				   re.match(r'\w+( [.] \w+)*$', w.text(result)):
					unread.add(w.at[result[0]])
					events.append((close, 2, 'set', w.words[result[0]], p))
		for kind, x, p, at, end in found:
			if kind == 'use' and at not in unread and not w.means_nothing(w.index(at)):
				# The task and the place of the result are evaluated after it again.
				events.append((at, 1, 'use', x, p))
				events += [(close, 1, 'use', x, p) for a, b, close in awaits
					   if a < at < b]
			elif kind in ('set', 'change', 'point', 'fill'):
				events.append((end - 1, 2, 'set', x, p))
				events += [(at, 0, 'frame', x, p) for a, b, close in awaits
					   if kind == 'point' and a < at < close]
			elif kind == 'declare':
				events.append((at, 2, kind, x, p))
			elif kind in ('refill', 'keep'):
				events.append((end - 1, 3 + (kind == 'keep'), kind, x, p))
			elif kind == 'call':
				what = section(x, w.text(w.arguments(w.index(at) + 1)[0]))
				if what:
					events.append((at, 1, 'section', (x, what), p))
		for i in inside:
			out = w.outer[i]
			# What for () declares has a value, which no rule above finds.
			if w.words[i] == '=' and out and w.words[out - 1] == 'for' and \
			   re.match(r'\w|[*]', w.words[out + 2]):
				events.append((w.at[i], 2, 'set', w.words[i - 1], None))
			if w.words[i] in HOLDS and w.words[i + 1] == '(':
				block = (w.at[out], w.at[w.end[out]])
				events.append((w.at[i], 1, 'hold', block, None))
		# What is not set in the block has the same value in each call.
		self.mortal = {f[1] for f in found if f[0] == 'use'} & \
			{e[3] for e in events if e[2] == 'set' and e[0] > w.at[begin]}
		self.events = sorted(events, key = lambda e: e[:2])
		self.offsets = [e[0] for e in self.events]

	def is_block(self, i):
		w = self.w
		if w.words[i] in NO_BLOCK or not re.match(r'[A-Za-z_]', w.words[i]) or \
		   w.words[i + 1] != '(':
			return False
		return w.words[i - 1] in list('{};):') + ['else', 'do'] and \
			re.match(r'[{A-Za-z_]', w.words[w.end[i + 1] + 1]) is not None

	# What is left of a state at a place: what ends with a block has ended after it.
	def live(self, s, at):
		return frozenset(f for f in s if f[0] != 'held' or not f[3] or
				 f[3][0] < at < f[3][1])

	# From the word at i to the one at j, without statements in it that decide
	def run(self, i, j, s):
		lo = bisect.bisect_left(self.offsets, self.w.at[i])
		hi = bisect.bisect_left(self.offsets, self.w.at[j])
		for at, order, kind, x, p in self.events[lo:hi]:
			s = getattr(self, 'on_' + kind)(s, x, p)
		return s

	def on_use(self, s, x, p):
		for f in s:
			if f[:2] == ('lost', x):
				report(p, "lost-variable", "%s lost its value in line %s" % f[1:])
				break
		return self.on_set(s, x, p)

	# Also after a use that was reported: once is enough.
	def on_set(self, s, x, p):
		return frozenset(f for f in s if f[:2] != ('lost', x))

	on_declare = on_set

	def on_refill(self, s, x, p):
		return s - {('kept', x)}

	def on_keep(self, s, x, p):
		return s | {('kept', x)}

	def on_hold(self, s, x, p):
		return s | {('held', None, None, x)}

	def on_section(self, s, x, p):
		name, (taken, what) = x
		if taken:
			return s | {('held', name, what, None)}
		return frozenset(f for f in s if f[0] != 'held' or f[2] != what)

	def on_frame(self, s, x, p):
		report(p, "frame-in-await", "%s is gone when the coroutine returns here" % x)
		return s

	def on_await(self, s, x, p):
		seen.add((int(p.line), int(p.column)))
		for word in self.inside:
			report(p, *BAD[word])
		for f in sorted(s, key = str):
			if f[0] == 'held' and f[3]:
				report(p, "held-cleanup", "what ends with a block ends here")
			elif f[0] == 'held':
				report(p, "held-lock", "%s() is not undone before the coroutine "
				       "returns here" % f[1])
			elif f[0] == 'kept':
				report(p, "frame-in-await", "%s points into this frame" % f[1])
		s = frozenset(f for f in s if f[0] != 'lost')
		return s | self.entry | {('lost', v, p.line) for v in self.mortal}

	# The statement at i, from a state: where the next one is, and the state there
	def statement(self, i, s):
		w, word = self.w, self.w.words[i]
		s = self.live(s, w.at[i])
		if word == '{':
			end = w.end[i]
			i += 1
			while i < end:
				i, s = self.statement(i, s)
			return end + 1, s
		if word in ('if', 'switch', 'while', 'for') or self.is_block(i):
			close = w.end[i + 1]
			return getattr(self, 'at_' + word, self.at_block)(i, close, s)
		if word == 'do':
			return self.at_do(i, s)
		if word in ('case', 'default'):
			return w.words.index(':', i) + 1, s | self.cases[-1]
		if w.words[i + 1] == ':' and w.words[i - 1] != '?':
			return i + 2, self.live(s | self.labels.get(word, frozenset()), w.at[i])
		end = i
		while w.words[end] != ';' and end < self.end:
			end = w.end.get(end, end) + 1
		s = self.run(i, end, s)
		if word == 'goto':
			to = w.words[i + 1]
			self.labels[to] = self.labels.get(to, frozenset()) | s
		elif word == 'break' and self.breaks:
			self.breaks[-1] |= s
		elif word == 'continue' and self.continues:
			self.continues[-1] |= s
		if word in ('goto', 'break', 'continue', 'return'):
			s = frozenset()
		return end + 1, s

	def at_if(self, i, close, s):
		other = s = self.run(i, close, s)
		i, s = self.statement(close + 1, s)
		if self.w.words[i] == 'else':
			i, other = self.statement(i + 1, other)
		return i, s | other

	def at_switch(self, i, close, s):
		s = self.run(i, close, s)
		self.inside.append('switch')
		self.breaks.append(frozenset())
		self.cases.append(s)
		end, after = self.statement(close + 1, frozenset())
		after |= self.breaks.pop()
		self.inside.pop()
		self.cases.pop()
		return end, after if 'default' in self.w.words[close:end] else after | s

	# A loop, or a block that is entered once. What is from one index to another: the test
	# before each turn, and the step after it; without a test, this is "do".
	def loop(self, s, test, body, step = (0, 0), again = True):
		w, known, first = self.w, None, test
		while known != s:
			known = s
			self.breaks.append(frozenset())
			self.continues.append(frozenset())
			if first:
				s = leaves = self.run(*test, s)
			end, s = self.statement(body, s)
			s = self.live(s | self.continues.pop(), w.at[body])
			if not first:
				test = (end + 2, w.end[end + 1])
				s = leaves = self.run(*test, s)
				again = w.text(test) != '0'
			s = self.run(*step, s)
			out = self.breaks.pop()
			if not again:
				return end, s | out
			s |= known
		return end, out | (frozenset() if w.text(test) in ('', '1', 'true') else leaves)

	def at_while(self, i, close, s):
		return self.loop(s, (i + 2, close), close + 1)

	def at_for(self, i, close, s):
		w = self.w
		one, two = [k for k in range(i + 2, close)
			    if w.words[k] == ';' and w.outer[k] == i + 1]
		s = self.run(i + 1, one, s)
		return self.loop(s, (one + 1, two), close + 1, (two + 1, close))

	def at_do(self, i, s):
		end, s = self.loop(s, None, i + 1)
		return self.w.end[end + 1] + 2, s

	def at_block(self, i, close, s):
		word = self.w.words[i]
		s = self.run(i, close, s)
		if word == 'scopex_coroutine':
			self.entry = s
			self.breaks.append(frozenset())
			end, s = self.statement(close + 1, s)
			return end, s | self.breaks.pop()
		if word in BAD:
			self.inside.append(word)
		# (0, 1): nothing to evaluate, and not a loop for ever
		end, after = self.loop(s, (0, 1), close + 1, again = word not in BAD)
		if word in BAD:
			self.inside.pop()
		return end, after

for name, found in facts.items():
	w, seen = Words(name), set()
	found = [(kind, x, p, w.offset(at), w.offset(end)) for kind, x, p, at, end in found]
	for i, word in enumerate(w.words):
		if word == '{' and w.outer[i] is None and w.words[i - 1] == ')' and \
		   'scopex_coroutine' in w.words[i:w.end[i]]:
			Function(w, i, w.end[i],
				 [f for f in found if w.at[i] < f[3] < w.at[w.end[i]]])
	for i, word in enumerate(w.words):
		line = bisect.bisect_right(w.lines, w.at[i])
		where = (line, w.at[i] - w.lines[line - 1])
		if word in ('scopex_await', 'scopex_yield') and w.words[i + 1] == '(' and \
		   where not in seen:
			print("%s:%d:%d-%d: spatch does not see this %s() [not-seen]" %
			      (name, *where, where[1] + len(word), word))
