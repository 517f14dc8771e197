package main

import "math/big"

// Presence and decisions: the engine rollcall-credit-5 (sections 11.2 to 11.7).

const engineName = "rollcall-credit-5"

type session struct {
	id, title, room        string
	start, end             int64
	actualStart, actualEnd *int64
	kind, day              string
	parts, excluded        []interval // as section 9 says
	fields                 []field
	value                  *int64
	pollsOffered           uint64

	// By the rules (11.3): half open.
	window  interval
	pieced  []interval
	counted []interval
	// What of that no earlier session counts.
	first []interval
}

type field struct {
	field  string
	weight int64
}

type accommodation struct {
	session string
	extraMs int64
	whole   bool
}

type registration struct {
	attendee       string
	from, until    *int64
	cancelled      bool
	speaks         []string
	accommodations []accommodation
}

// A question is all that a decision depends on.
type question struct {
	rules        *rules
	sessions     []*session // that count, in their order
	listed       []*session // all of the programme
	partOf       map[string]string
	signals      []signal
	registration *registration
	now          int64
	incomplete   int

	serves map[spot][]*session
	day    *day
}

// A count is one pass of sections 11.4 and 11.5.
type count struct {
	parts       []*part
	least, most *side
	full        credits
	open        bool
}

func (c *count) differs(other *count) bool {
	return c.least.total.Cmp(other.least.total) != 0 || c.most.total.Cmp(other.most.total) != 0 || c.open != other.open
}

func (c *count) settled() bool { return c.least.total.Cmp(c.most.total) == 0 && !c.open }

func (c *count) byCredits() string {
	switch {
	case c.least.total.Sign() == 0:
		return "none"
	case c.least.total.Cmp(c.full) >= 0:
		return "full"
	}
	return "partial"
}

func (q *question) count(p *presence, h repairs) *count {
	c := &count{parts: q.parts(p, h)}
	c.least, c.most = q.side(c.parts, onLeast, h), q.side(c.parts, onMost, h)
	c.full = q.side(c.parts, onFull, h).total
	c.open = q.isOpen(c, h)
	return c
}

// A decision, before it is written.
type decided struct {
	outcome, reason, why string
	review               bool
	counted              *count
	least, most          credits
	complete             bool
	evidence             []signalID
	fields               []fieldCredits
	confidence           confidence
}

type fieldCredits struct {
	field   string
	credits credits
}

func (q *question) decide() *decided {
	q.serves = map[spot][]*session{}
	q.day = q.sort(heard(q.signals, q.rules.sources))
	told := q.presence(q.told(q.day), q.day.streams)
	c := q.count(told, repairs{})
	unheard := q.unheard(c)
	d := &decided{counted: c, complete: q.incomplete == 0}
	d.reason, d.why = q.reason(told, c, unheard)
	for _, s := range q.sessions {
		d.complete = d.complete && s.window.hi <= q.now
	}
	d.outcome = c.byCredits()
	d.review = !c.settled()
	by := q.review(c, d)
	if !d.review && by != "" {
		d.review = true
		switch d.reason {
		case "not_registered", "registration_cancelled", "manual_override", "missing_check_in", "missing_check_out", "conflicting_signals":
		default:
			d.reason, d.why = by, ""
		}
	}
	if d.review {
		d.outcome = "review"
	} else {
		d.fields = q.fields(c)
	}
	d.evidence = q.evidence()
	d.confidence = q.trust(c)
	return d
}

// unheard is whether signals of sources that do not count would have made a difference.
func (q *question) unheard(c *count) bool {
	counting, all := len(heard(q.signals, q.rules.sources)), heard(q.signals, sourceWords)
	if counting == len(all) {
		return false
	}
	other := *q
	other.day = other.sort(all)
	return c.differs(other.count(other.presence(other.told(other.day), other.day.streams), repairs{}))
}

// review gives the reason for which another reading leaves a settled day open, none where all come to the same; and widens what
// the decision comes to by all of them.
func (q *question) review(c *count, d *decided) string {
	d.least, d.most = c.least.total, c.most.total
	same, open := true, c.open
	totalOpen := q.asksPolls() || len(q.rules.capFields) > 0 || q.rules.capDay > 0
	look := func(r reading) {
		other := q.count(q.presence(r, q.day.streams), repairs{})
		open = open || other.open
		same = same && !c.differs(other) && sameAll(c.least.cells, other.least.cells)
		if other.least.total.Cmp(d.least) < 0 {
			d.least = other.least.total
		}
		if other.most.total.Cmp(d.most) > 0 {
			d.most = other.most.total
		}
	}
	boundless := func() {
		d.least, d.most = new(big.Int), c.most.total
		if c.full.Cmp(d.most) > 0 {
			d.most = c.full
		}
	}
	if q.day.contradicts {
		boundless()
		return "clock_uncertain"
	}
	var times, ways [][][]step
	for _, s := range q.day.streams {
		times = append(times, q.times(s))
	}
	if !each(times, look) {
		boundless()
		return "clock_uncertain"
	}
	byTime := same
	for _, readings := range times {
		ways = append(ways, q.ways(readings))
	}
	whole := each(ways, look)
	if !whole || open && totalOpen {
		boundless()
	}
	switch {
	case !byTime:
		return "clock_uncertain"
	case !whole || !same:
		return "insufficient_evidence"
	}
	return ""
}

// reason is the first that applies (11.6), and why where that is more than its word says.
func (q *question) reason(p *presence, c *count, unheard bool) (reason, why string) {
	again := func(h repairs) bool { return c.differs(q.count(p, h)) }
	has := func(is func(*part) bool) bool {
		for _, part := range c.parts {
			if is(part) {
				return true
			}
		}
		return false
	}
	denials := has(func(p *part) bool { return p.word.denied })
	disputed := has(func(p *part) bool { return p.word.disputed })
	review := !q.rules.denialOverrides
	noStart, noEnd := false, false
	for _, s := range p.stays {
		noStart, noEnd = noStart || s.start == nil, noEnd || s.end == nil
	}
	nothing := len(p.stays)+len(q.day.runs) == 0
	r := q.registration
	repaired := repairs{starts: true, ends: true, confirmDisputed: true, noDenials: review, aloneCounts: true, noneShort: true}
	switch {
	case r == nil && (nothing && len(q.day.words) == 0 || again(repairs{registered: true})):
		return "not_registered", ""
	case r != nil && (r.cancelled || r.from != nil || r.until != nil) && again(repairs{registered: true}):
		return "registration_cancelled", ""
	case denials && !review && again(repairs{noDenials: true}):
		return "manual_override", ""
	case nothing && !disputed && !has(func(p *part) bool { return p.word.confirmed }) && c.most.total.Sign() == 0 && !unheard:
		return "no_attendance", ""
	case noStart && q.rules.missingIn != "session_start" && again(repairs{starts: true}):
		return "missing_check_in", ""
	case noEnd && q.rules.missingOut != "session_end" && again(repairs{ends: true}):
		return "missing_check_out", ""
	case (disputed || denials && review) && again(repairs{confirmDisputed: true, noDenials: review}):
		return "conflicting_signals", ""
	case !c.settled() && !q.count(p, repaired).settled():
		return "clock_uncertain", ""
	case unheard:
		return "insufficient_evidence", "what else was seen does not count"
	}
	bareLeast, wanting := false, c.open
	for i, low := range c.least.units {
		bareLeast = bareLeast || low.bare
		wanting = wanting || low.bare || low.short || c.most.units[i].bare || c.most.units[i].short
	}
	overlapped := has(func(p *part) bool { return p.overlapped })
	switch {
	case bareLeast && again(repairs{aloneCounts: true, noneShort: true}):
		return "insufficient_evidence", "a platform's report alone does not count"
	case wanting && again(repairs{noneShort: true}):
		return "insufficient_engagement", ""
	case overlapped && again(repairs{countEach: true}):
		return "overlapping_sessions", ""
	case c.least.capped || c.most.capped:
		return "cap_reached", ""
	case !c.settled():
		return "clock_uncertain", ""
	}
	switch c.byCredits() {
	case "partial":
		return "partial_credit", ""
	case "full":
		return "met_duration_threshold", ""
	}
	if has(func(p *part) bool { return p.most > 0 }) {
		return "below_minimum", ""
	}
	return "no_attendance", ""
}

// fields are the credits by field, where sessions name any.
func (q *question) fields(c *count) []fieldCredits {
	named := false
	for _, s := range q.sessions {
		named = named || len(s.fields) > 0
	}
	if !named {
		return nil
	}
	var out []fieldCredits
	cells := q.cells()
	for i, at := range cells {
		n := 0
		for n < len(out) && out[n].field < at.field {
			n++
		}
		if n == len(out) || out[n].field != at.field {
			out = append(out[:n], append([]fieldCredits{{at.field, sum(nil, maxCredits)}}, out[n:]...)...)
		}
		out[n].credits = sum([]credits{out[n].credits, c.least.cells[i]}, maxCredits)
	}
	var some []fieldCredits
	for _, f := range out {
		if f.credits.Sign() > 0 {
			some = append(some, f)
		}
	}
	return some
}

// evidence are the signals that a decision names.
func (q *question) evidence() []signalID {
	known := map[signalID]bool{}
	var seen []*signal
	put := func(s *signal) {
		if !known[s.id] {
			known[s.id] = true
			seen = append(seen, s)
		}
	}
	for i := range q.signals {
		if s := &q.signals[i]; s.kind != heartbeat && len(s.rooms)+len(s.session) > 0 {
			put(s)
		}
	}
	for _, r := range q.day.runs {
		put(r.first)
		put(r.last)
	}
	sortSignals(seen)
	var out []signalID
	for _, s := range seen {
		out = append(out, s.id)
	}
	return out
}

// ---- confidence ----

type term struct {
	term   string
	points int
}

type confidence struct {
	perCent int
	terms   []term
}

var byQuality = map[string]int{kernel: -5, byCode: -10, reported: -10, bounded: -20, contradictory: -40}

func (q *question) trust(c *count) confidence {
	points := map[string]int{}
	for _, p := range c.parts {
		if p.most <= 0 || p.word.denied || p.word.disputed {
			continue
		}
		sources := map[string]bool{}
		for _, s := range p.stays {
			sources[s.source] = true
		}
		if p.word.confirmed {
			sources["person"] = true
		}
		if len(sources) > 0 && !sources["scan"] && !sources["person"] {
			points["source"] = -10
		}
		if len(sources) > 1 {
			points["corroborated"] = 10
		}
		if !p.word.confirmed {
			for _, s := range p.stays {
				for _, end := range []*stayEnd{s.start, s.end} {
					end.trust(points)
				}
			}
		}
	}
	if q.incomplete > 0 {
		points["doors"] = -10
	}
	out := confidence{perCent: 100}
	for _, name := range []string{"source", "inferred", "direction", "time", "corroborated", "doors"} {
		if points[name] != 0 {
			out.terms = append(out.terms, term{name, points[name]})
			out.perCent += points[name]
		}
	}
	if out.perCent > 100 {
		out.perCent = 100
	}
	if out.perCent < 0 {
		out.perCent = 0
	}
	return out
}

func (e *stayEnd) trust(points map[string]int) {
	if e.inferred != "" {
		points["inferred"] = -20
	}
	if e.signal == nil {
		return
	}
	if e.signal.toggled {
		points["direction"] = -10
	}
	if by := byQuality[e.signal.quality]; by < points["time"] {
		points["time"] = by
	}
}
