package main

import (
	"math/big"
	"sort"
)

// Presence and decisions: the engine rollcall-threshold-2 (sections 11.2 to 11.7).

const (
	engineName   = "rollcall-threshold-2"
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

	// What a reading gives it.
	instant int64
	room    string
	seen    int // its number among those seen
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
	signals      []signal  // in any order
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
	seen              []signal
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
	stays []*stay
	seen  map[string][]signal
	order []signal
}

func (q *question) presence(signals []signal) *presence {
	p := &presence{seen: map[string][]signal{}}
	open, ended := map[string]*stay{}, map[string]*stay{}
	for i := range signals {
		s := signals[i]
		if len(s.rooms) == 0 {
			continue
		}
		room := s.room
		s.seen = len(p.order)
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

// ---- minutes (11.4) ----

// count runs sections 11.3 to 11.5 on these signals.
func (q *question) count(signals []signal) *count {
	p := q.presence(signals)
	c := &count{stays: len(p.stays), seen: p.order}
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
		c.parts = append(c.parts, q.part(s, order, p))
	}
	q.award(c)
	return c
}

func (q *question) part(s *session, order []*session, p *presence) part {
	out := part{session: s, scheduled: s.window.hi - s.window.lo}
	var least, most, perhaps []interval
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
		if span := (interval{stay.start.at.hi, stay.end.at.lo}).cut(s.window); span.lo < span.hi && !review {
			least = append(least, span)
		} else {
			perhaps = append(perhaps, most[len(most)-1])
		}
	}
	out.least, out.most = q.leastLength(least, perhaps, s), q.mostLength(most, len(perhaps) > 0, s)
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
		from := known.start.signal
		if q.firstAfter(known.room, from.instant, order) != s {
			return out, false, false
		}
		if q.now < s.window.hi {
			out.end = &stayEnd{at: exactly(q.now), inferred: stillInside}
			return out, false, true
		}
		end := &stayEnd{at: exactly(s.window.hi), inferred: q.rules.missingOut}
		if q.rules.missingOut == "last_signal" {
			end.at = from.at
			for i := range p.seen[known.room] {
				seen := &p.seen[known.room][i]
				if inside(seen.instant, s) && seen.seen >= from.seen {
					end.at, end.signal = seen.at, seen
				}
			}
		}
		out.end = end
		return out, q.rules.missingOut == "review", q.rules.missingOut != "none"
	case known.start == nil:
		until := known.end.signal
		if q.lastBefore(known.room, until.instant, order) != s {
			return out, false, false
		}
		start := &stayEnd{at: exactly(s.window.lo), inferred: q.rules.missingIn}
		if q.rules.missingIn == "first_signal" {
			start.at = until.at
			for _, seen := range p.seen[known.room] {
				if inside(seen.instant, s) {
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

// bounds are the first start and the last end.
func bounds(spans []interval) interval {
	all := interval{lastMs, firstMs}
	for _, span := range spans {
		all = all.hull(span)
	}
	return all
}

// leastLength graces the ends, each unless a stay that may not have been may lie outside it.
func (q *question) leastLength(spans, perhaps []interval, s *session) int64 {
	all, other := bounds(spans), bounds(perhaps)
	for i := range spans {
		if spans[i].lo == all.lo && other.lo >= all.lo {
			q.graceIn(&spans[i], s)
		}
		if spans[i].hi == all.hi && other.hi <= all.hi {
			q.graceOut(&spans[i], s)
		}
	}
	return unionLength(spans)
}

// mostLength graces the ends, or where a stay may not have been, all.
func (q *question) mostLength(spans []interval, perhaps bool, s *session) int64 {
	all := bounds(spans)
	for i := range spans {
		if perhaps || spans[i].lo == all.lo {
			q.graceIn(&spans[i], s)
		}
		if perhaps || spans[i].hi == all.hi {
			q.graceOut(&spans[i], s)
		}
	}
	return unionLength(spans)
}

func (q *question) graceIn(span *interval, s *session) {
	if span.lo-s.window.lo <= q.rules.graceIn {
		span.lo = s.window.lo
	}
}

func (q *question) graceOut(span *interval, s *session) {
	if s.window.hi-span.hi <= q.rules.graceOut {
		span.hi = s.window.hi
	}
}

// unionLength is that of the union.
func unionLength(spans []interval) int64 {
	sort.Slice(spans, func(i, j int) bool { return spans[i].lo < spans[j].lo })
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
	day := q.day()
	told := q.told(day)
	c, reason := q.answer(told)
	d := &decided{counted: c, reason: reason, complete: q.incomplete == 0}
	for i := range c.parts {
		d.complete = d.complete && c.parts[i].session.window.hi <= q.now
	}
	d.outcome = c.outcome()
	d.review = !c.sure() || q.isOpen(day, c, &d.reason)
	if d.review {
		d.outcome = "review"
	}
	return d
}

// isOpen is whether another reading comes to something else; it puts the reason right.
func (q *question) isOpen(day *day, c *count, reason *string) bool {
	told := *reason
	why := func(reason *string, other string) {
		switch told {
		case "not_registered", "registration_cancelled", "missing_check_in", "missing_check_out":
		default:
			*reason = other
		}
	}
	tried := 0
	sure := q.everyTime(day, func(reading []signal) bool {
		tried++
		if tried > maxReadings {
			return false
		}
		other, reason := q.answer(reading)
		return !c.differs(other) && (c.least.Sign() == 0 || reason == told)
	})
	if !sure {
		why(reason, "clock_uncertain")
		return true
	}
	sure = q.everyReading(day, func(reading []signal) bool { return !c.differs(q.count(q.registered(reading))) })
	if !sure {
		why(reason, "insufficient_evidence")
	}
	return !sure
}

// again counts under rules with one thing changed.
func (q *question) again(signals []signal, change func(*rules)) *count {
	changed, with := *q, *q.rules
	change(&with)
	changed.rules = &with
	return changed.count(signals)
}

// answer is what one reading comes to, and its reason.
func (q *question) answer(all []signal) (*count, string) {
	held := q.registered(all)
	c := q.count(held)
	return c, q.reason(c, all, held)
}

func (q *question) reason(c *count, all, held []signal) string {
	if len(held) != len(all) && c.differs(q.count(all)) {
		if q.registration == nil {
			return "not_registered"
		}
		return "registration_cancelled"
	}
	if q.registration == nil && len(all) == 0 {
		return "not_registered"
	}
	if c.stays == 0 {
		return "no_attendance"
	}
	if q.rules.missingIn != "session_start" &&
		c.differs(q.again(held, func(r *rules) { r.missingIn = "session_start" })) {
		return "missing_check_in"
	}
	if q.rules.missingOut != "session_end" &&
		c.differs(q.again(held, func(r *rules) { r.missingOut = "session_end" })) {
		return "missing_check_out"
	}
	switch c.outcome() {
	case "review":
		return "clock_uncertain"
	case "partial":
		return "partial_credit"
	case "full":
		return "met_duration_threshold"
	}
	for i := range c.parts {
		if c.parts[i].most > 0 {
			return "below_minimum"
		}
	}
	return "no_attendance"
}
