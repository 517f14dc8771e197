package main

import (
	"math/big"
	"sort"
)

// Presence and decisions: the engine rollcall-threshold-1 (sections 11.2 to 11.7).

const (
	engineName   = "rollcall-threshold-1"
	maxToggled   = 16
	closedBefore = "closes_previous"
	stillInside  = "still_inside"
)

type signal struct {
	log       string
	index     uint64
	at        interval
	rooms     []string
	direction string
	toggled   bool
}

type session struct {
	id, title, room string
	start, end      int64
	window          interval // half open
}

type registration struct {
	attendee    string
	badges      []string
	from, until *int64
	cancelled   bool
}

func (r *registration) holds(at int64) bool {
	return !r.cancelled && (r.from == nil || *r.from <= at) && (r.until == nil || at < *r.until)
}

// A question is all that a decision depends on.
type question struct {
	rules        *rules
	sessions     []session // of the programme, in the order of the agenda
	signals      []signal  // in order
	registration *registration
	now          int64
	incomplete   int
}

type stayEnd struct {
	at       interval
	inferred string
	signal   *signal
}

type stay struct {
	room       string
	start, end *stayEnd
}

type part struct {
	session                *session
	scheduled, least, most int64
	met                    *bool
	stays                  []stay
}

type credits = *big.Int

// A count is one pass of sections 11.3 to 11.5.
type count struct {
	parts             []part
	least, most, full credits
	stays             int
	endLeftToReview   bool
	seen              []signal
	ambiguous         []signal
}

func (c *count) differs(other *count) bool {
	return c.least.Cmp(other.least) != 0 || c.most.Cmp(other.most) != 0
}

func (c *count) sure() bool { return c.least.Cmp(c.most) == 0 }

// A decision, before it is written.
type decided struct {
	outcome, reason string
	review          bool
	counted         *count
	complete        bool
}

// ---- stays (11.3) ----

type presence struct {
	stays     []*stay
	seen      map[string][]signal
	order     []signal
	ambiguous []signal
}

func (q *question) presence(signals []signal) *presence {
	p := &presence{seen: map[string][]signal{}}
	open, ended := map[string]*stay{}, map[string]*stay{}
	for i := range signals {
		s := signals[i]
		if len(s.rooms) == 0 {
			continue
		}
		room, ambiguous := q.roomOf(&s)
		if ambiguous {
			p.ambiguous = append(p.ambiguous, s)
		}
		p.order = append(p.order, s)
		p.seen[room] = append(p.seen[room], s)
		here := &stayEnd{at: s.at, signal: &s}
		switch s.direction {
		case "in":
			if q.rules.closesPrevious {
				for other, stay := range open {
					if other != room {
						stay.end = &stayEnd{at: s.at, inferred: closedBefore, signal: &s}
						delete(open, other)
					}
				}
			}
			if open[room] == nil {
				open[room] = &stay{room: room, start: here}
				p.stays = append(p.stays, open[room])
			}
			delete(ended, room)
		case "out":
			switch {
			case open[room] != nil:
				open[room].end = here
				ended[room] = open[room]
				delete(open, room)
			case ended[room] != nil:
				if q.rules.repeatedLast {
					ended[room].end = here
				}
			default:
				ended[room] = &stay{room: room, end: here}
				p.stays = append(p.stays, ended[room])
			}
		}
	}
	return p
}

func (q *question) roomOf(s *signal) (room string, ambiguous bool) {
	if len(s.rooms) == 1 {
		return s.rooms[0], false
	}
	var on []string
	for _, room := range s.rooms {
		for i := range q.sessions {
			if at := &q.sessions[i]; at.room == room && at.start <= s.at.hi && s.at.lo < at.end {
				on = append(on, room)
				break
			}
		}
	}
	if len(on) == 0 {
		return s.rooms[0], false
	}
	return on[0], len(on) > 1
}

// ---- minutes (11.4) ----

// count runs sections 11.3 to 11.5 on these signals.
func (q *question) count(signals []signal) *count {
	p := q.presence(signals)
	c := &count{stays: len(p.stays), seen: p.order, ambiguous: p.ambiguous}
	order := make([]*session, len(q.sessions))
	for i := range q.sessions {
		order[i] = &q.sessions[i]
	}
	sort.SliceStable(order, func(i, j int) bool {
		if order[i].window.lo != order[j].window.lo {
			return order[i].window.lo < order[j].window.lo
		}
		return order[i].id < order[j].id
	})
	for _, s := range order {
		c.parts = append(c.parts, q.part(s, order, p, c))
	}
	q.award(c)
	return c
}

func (q *question) part(s *session, order []*session, p *presence, c *count) part {
	out := part{session: s, scheduled: s.window.hi - s.window.lo}
	var least, most []interval
	for _, known := range p.stays {
		if known.room != s.room {
			continue
		}
		stay, review, ok := q.resolve(*known, s, order, p)
		if !ok {
			continue
		}
		span := interval{stay.start.at.lo, stay.end.at.hi}.cut(s.window)
		if span.lo >= span.hi {
			continue
		}
		most = append(most, span)
		out.stays = append(out.stays, stay)
		if review {
			c.endLeftToReview = true
			continue
		}
		if span := (interval{stay.start.at.hi, stay.end.at.lo}).cut(s.window); span.lo < span.hi {
			least = append(least, span)
		}
	}
	out.least, out.most = q.length(least, s), q.length(most, s)
	if a, b := q.meets(out.least, out.scheduled), q.meets(out.most, out.scheduled); a == b {
		out.met = &a
	}
	return out
}

// resolve gives a stay both ends for a session; not ok leaves it out.
func (q *question) resolve(known stay, s *session, order []*session, p *presence) (out stay, review, ok bool) {
	out = known
	switch {
	case known.end == nil:
		from := known.start.at
		if q.firstAfter(known.room, from.lo, order) != s {
			return out, false, false
		}
		if q.now < s.window.hi {
			out.end = &stayEnd{at: exactly(q.now), inferred: stillInside}
			return out, false, true
		}
		end := &stayEnd{at: exactly(s.window.hi), inferred: q.rules.missingOut}
		if q.rules.missingOut == "last_signal" {
			end.at = from
			for i := range p.seen[known.room] {
				seen := &p.seen[known.room][i]
				if inside(seen.at.hi, s) && seen.at.lo >= from.lo {
					end.at, end.signal = seen.at, seen
				}
			}
		}
		out.end = end
		return out, q.rules.missingOut == "review", q.rules.missingOut != "none"
	case known.start == nil:
		until := known.end.at
		if q.lastBefore(known.room, until.hi, order) != s {
			return out, false, false
		}
		start := &stayEnd{at: exactly(s.window.lo), inferred: q.rules.missingIn}
		if q.rules.missingIn == "first_signal" {
			start.at = until
			for _, seen := range p.seen[known.room] {
				if inside(seen.at.lo, s) {
					start.at = seen.at
					break
				}
			}
		}
		out.start = start
		return out, q.rules.missingIn == "review", q.rules.missingIn != "none"
	}
	return out, false, true
}

func inside(ms int64, s *session) bool { return s.window.lo <= ms && ms < s.window.hi }

func (q *question) firstAfter(room string, from int64, order []*session) *session {
	for _, s := range order {
		if s.room == room && from < s.window.hi {
			return s
		}
	}
	return nil
}

func (q *question) lastBefore(room string, until int64, order []*session) *session {
	for i := len(order) - 1; i >= 0; i-- {
		if order[i].room == room && order[i].window.lo <= until {
			return order[i]
		}
	}
	return nil
}

// length is that of the union, after the grace at both ends.
func (q *question) length(spans []interval, s *session) int64 {
	if len(spans) == 0 {
		return 0
	}
	sort.SliceStable(spans, func(i, j int) bool {
		if spans[i].lo != spans[j].lo {
			return spans[i].lo < spans[j].lo
		}
		return spans[i].hi < spans[j].hi
	})
	if spans[0].lo-s.window.lo <= q.rules.graceIn {
		spans[0].lo = s.window.lo
	}
	last := 0
	for i := range spans {
		if spans[i].hi >= spans[last].hi {
			last = i
		}
	}
	if s.window.hi-spans[last].hi <= q.rules.graceOut {
		spans[last].hi = s.window.hi
	}
	var total, until int64
	for _, span := range spans {
		from := maxOf(span.lo, until)
		if span.hi > from {
			total += span.hi - from
			until = span.hi
		}
	}
	return total
}

func (q *question) meets(ms, scheduled int64) bool {
	if ms <= 0 {
		return false
	}
	switch {
	case q.rules.share > 0:
		return times(ms, million).Cmp(times(scheduled, q.rules.share)) >= 0
	case q.rules.minutesMs > 0:
		return ms >= q.rules.minutesMs
	case q.rules.full:
		return ms >= scheduled
	}
	return true
}

func times(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }

// ---- credits (11.5) ----

func (q *question) award(c *count) {
	total := func(ms func(*part) int64) credits {
		sum, units := int64(0), new(big.Int)
		for i := range c.parts {
			award := q.awarded(ms(&c.parts[i]), c.parts[i].scheduled)
			sum += award
			if q.rules.perSession {
				units.Add(units, q.credits(award))
			}
		}
		if q.rules.perSession {
			return units
		}
		return q.credits(sum)
	}
	c.least = total(func(p *part) int64 { return p.least })
	c.most = total(func(p *part) int64 { return p.most })
	c.full = total(func(p *part) int64 { return p.scheduled })
}

func (q *question) awarded(ms, scheduled int64) int64 {
	switch {
	case ms <= 0:
		return 0
	case q.meets(ms, scheduled):
		if q.rules.metScheduled {
			return scheduled
		}
		return ms
	case q.rules.belowActual:
		return ms
	}
	return 0
}

func (q *question) credits(awardMs int64) credits {
	award := times(awardMs, million)
	if award.Cmp(times(q.rules.unitMs, q.rules.firstAward)) < 0 {
		return new(big.Int)
	}
	grid := times(q.rules.unitMs, q.rules.step)
	if q.rules.nearest {
		award.Lsh(award, 1).Add(award, grid)
		grid.Lsh(grid, 1)
	}
	steps := award.Div(award, grid)
	return steps.Mul(steps, big.NewInt(q.rules.step))
}

func (c *count) outcome() string {
	switch {
	case !c.sure():
		return "review"
	case c.least.Sign() == 0:
		return "none"
	case c.least.Cmp(c.full) >= 0:
		return "full"
	}
	return "partial"
}

// ---- reason and review (11.6) ----

func (q *question) decide() *decided {
	var held []signal
	for _, s := range q.signals {
		if q.registration != nil && q.registration.holds(s.at.lo) {
			held = append(held, s)
		}
	}
	c := q.count(held)
	d := &decided{counted: c, complete: q.incomplete == 0}
	for i := range c.parts {
		d.complete = d.complete && c.parts[i].session.window.hi <= q.now
	}
	d.reason, d.review = q.reason(c, held)
	d.outcome = c.outcome()
	if d.review {
		d.outcome = "review"
	}
	return d
}

// again counts under rules with one thing changed.
func (q *question) again(signals []signal, change func(*rules)) *count {
	changed, with := *q, *q.rules
	change(&with)
	changed.rules = &with
	return changed.count(signals)
}

func (q *question) reason(c *count, held []signal) (string, bool) {
	unsure := !c.sure()
	otherwise := func() bool { return q.toggleMatters(c, held) || q.roomMatters(c, held) }
	if len(held) != len(q.signals) && c.differs(q.count(q.signals)) {
		if q.registration == nil {
			return "not_registered", unsure || otherwise()
		}
		return "registration_cancelled", unsure || otherwise()
	}
	if q.registration == nil && len(q.signals) == 0 {
		return "not_registered", false
	}
	if c.stays == 0 {
		return "no_attendance", false
	}
	if q.rules.missingIn != "session_start" &&
		c.differs(q.again(held, func(r *rules) { r.missingIn = "session_start" })) {
		return "missing_check_in", unsure || otherwise()
	}
	if q.rules.missingOut != "session_end" &&
		c.differs(q.again(held, func(r *rules) { r.missingOut = "session_end" })) {
		return "missing_check_out", unsure || otherwise()
	}
	if unsure && !c.endLeftToReview {
		return "clock_uncertain", true
	}
	if otherwise() {
		return "insufficient_evidence", true
	}
	switch c.outcome() {
	case "review":
		return "clock_uncertain", true
	case "partial":
		return "partial_credit", false
	case "full":
		return "met_duration_threshold", false
	}
	for i := range c.parts {
		if c.parts[i].most > 0 {
			return "below_minimum", false
		}
	}
	return "no_attendance", false
}

func (q *question) toggleMatters(c *count, held []signal) bool {
	var toggled []int
	for i, s := range held {
		if s.toggled && len(s.rooms) > 0 {
			toggled = append(toggled, i)
		}
	}
	if len(toggled) > maxToggled {
		return true
	}
	for _, i := range toggled {
		other := append([]signal(nil), held...)
		switch held[i].direction {
		case "in":
			other[i].direction = "out"
		case "out":
			other[i].direction = "in"
		}
		if c.differs(q.count(other)) {
			return true
		}
	}
	return false
}

func (q *question) roomMatters(c *count, held []signal) bool {
	for i := range held {
		if len(held[i].rooms) < 2 {
			continue
		}
		if _, ambiguous := q.roomOf(&held[i]); !ambiguous {
			continue
		}
		for _, room := range held[i].rooms {
			other := append([]signal(nil), held...)
			other[i].rooms = []string{room}
			if c.differs(q.count(other)) {
				return true
			}
		}
	}
	return false
}
