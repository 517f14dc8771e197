package main

import "sort"

// Minutes of a session (section 11.4).

// repairs are what a count takes for good, to see whether it made a difference (section 11.6).
type repairs struct {
	registered, noDenials, confirmDisputed bool
	starts, ends                           bool
	aloneCounts, noneShort, countEach      bool
}

// A resolved stay has both its ends.
type resolved struct {
	spot       spot
	source     string
	start, end *stayEnd
}

// A stretch is what of a resolved stay lies in one piece of a session. A span that is empty is none.
type stretch struct {
	*resolved
	piece, least, most interval
	// The spans with grace.
	leastGraced, mostGraced interval
}

func (s *stretch) hasLeast() bool { return !hollow(s.least) }

// hollow is whether a half open span holds nothing.
func hollow(span interval) bool { return span.lo >= span.hi }

type part struct {
	session                        *session
	leastSet, mostSet, scope       []interval
	scheduled, least, most, graced int64
	full                           int64
	word                           word
	stays                          []*resolved
	stretches                      []*stretch
	whole, aloneLeast, aloneMost   bool
	overlapped                     bool
	// Whether least and most meet the threshold.
	meets [2]bool
}

func (p *part) wordText() string {
	switch {
	case p.word.confirmed:
		return confirmed
	case p.word.denied:
		return denied
	}
	return ""
}

// registrationUnder is the registration that a count goes by; nil where there is none.
func (q *question) registrationUnder(h repairs) *registration {
	if !h.registered {
		return q.registration
	}
	always := registration{}
	if q.registration != nil {
		always = *q.registration
	}
	always.from, always.until, always.cancelled = nil, nil, false
	return &always
}

// valid is when a registration holds.
func (r *registration) valid() []interval {
	if r == nil || r.cancelled {
		return nil
	}
	span := interval{firstMs, lastMs + 1}
	if r.from != nil {
		span.lo = *r.from
	}
	if r.until != nil {
		span.hi = *r.until
	}
	return union([]interval{span})
}

// parts are the sessions' minutes.
func (q *question) parts(p *presence, h repairs) []*part {
	var parts []*part
	valid := q.registrationUnder(h).valid()
	for _, s := range q.sessions {
		parts = append(parts, q.part(s, p, h, valid))
	}
	if q.rules.countOnce && !h.countEach {
		q.overlap(parts)
	}
	for _, part := range parts {
		part.least, part.most = total(part.leastSet), total(part.mostSet)
		q.keepLengths(part, parts, h)
		part.graced = minOf(part.graced, part.least)
		q.accommodate(part, h)
		part.alone()
		part.meets = [2]bool{q.meets(part.least, part.scheduled), q.meets(part.most, part.scheduled)}
	}
	return parts
}

func (q *question) part(s *session, p *presence, h repairs, valid []interval) *part {
	out := &part{session: s, scheduled: total(s.counted), full: total(s.first), scope: both(s.counted, valid), word: q.day.words[s.id]}
	if h.confirmDisputed && out.word.disputed {
		out.word = word{confirmed: true}
	}
	if h.noDenials && out.word.denied {
		out.word = word{}
	}
	for _, known := range p.stays {
		if !oneSession(s, q.servedBy(known)) {
			continue
		}
		if stay, review, ok := q.resolve(known, p, h); ok {
			least := interval{stay.start.at.hi, stay.end.at.lo}
			if review {
				least = interval{}
			}
			out.add(stay, least, interval{stay.start.at.lo, stay.end.at.hi})
		}
	}
	for i := range q.day.runs {
		if r := &q.day.runs[i]; oneSession(s, q.served(r.spot)) {
			out.add(&resolved{spot: r.spot, source: r.source, start: &stayEnd{at: r.first.at, signal: r.first},
				end: &stayEnd{at: r.last.at, signal: r.last}}, r.least, r.most)
		}
	}
	q.grace(out)
	q.spend(out)
	return out
}

// add takes a stay up, unless it lies in no piece.
func (p *part) add(stay *resolved, least, most interval) {
	lies := false
	for _, piece := range p.session.pieced {
		if cut := most.cut(piece); !hollow(cut) {
			p.stretches = append(p.stretches, &stretch{resolved: stay, piece: piece, least: least.cut(piece), most: cut})
			lies = true
		}
	}
	if lies {
		p.stays = append(p.stays, stay)
	}
}

func oneSession(s *session, all []*session) bool {
	for _, one := range all {
		if one == s {
			return true
		}
	}
	return false
}

// servedBy are the sessions that a stay counts for.
func (q *question) servedBy(known *stay) []*session {
	if known.checkIn < 0 {
		return q.served(known.spot)
	}
	var out []*session
	for _, s := range q.served(known.spot) {
		if !oneSession(s, q.served(known.whole)) {
			out = append(out, s)
		}
	}
	return out
}

// resolve gives a stay both ends; not ok leaves it out.
func (q *question) resolve(known *stay, p *presence, h repairs) (out *resolved, review, ok bool) {
	out = &resolved{spot: known.spot, source: known.source, start: known.start, end: known.end}
	steps, ok := p.reading[known.stream], true
	if known.end == nil {
		from := &steps[known.from]
		s := firstAfter(q.servedBy(known), from.instant)
		if s == nil {
			return out, false, false
		}
		if q.now < s.window.hi {
			out.end = &stayEnd{at: exactly(q.now), inferred: stillInside}
			return out, false, true
		}
		policy := q.rules.missingOut
		if h.ends {
			policy = "session_end"
		}
		out.end, review, ok = &stayEnd{at: exactly(s.window.hi), inferred: policy}, policy == "review", policy != "none"
		if policy == "last_signal" {
			out.end.at = from.at
			for i := known.from; i < len(steps); i++ {
				if steps[i].spot == known.spot && inside(steps[i].instant, s) {
					out.end.at, out.end.signal = steps[i].at, steps[i].signal
				}
			}
			q.raise(out.end, q.othersAt(known, p), s)
		}
	}
	if known.start == nil {
		until := &steps[known.to]
		s := lastBefore(q.servedBy(known), until.instant)
		if s == nil {
			return out, false, false
		}
		policy := q.rules.missingIn
		if h.starts {
			policy = "session_start"
		}
		out.start, review, ok = &stayEnd{at: exactly(s.window.lo), inferred: policy}, policy == "review", policy != "none"
		if policy == "first_signal" {
			out.start.at = until.at
			for i := int(maxOf(int64(known.checkIn), 0)); i < len(steps); i++ {
				if steps[i].spot == known.spot && inside(steps[i].instant, s) {
					out.start.at = steps[i].at
					break
				}
			}
			lower(out.start, q.othersAt(known, p), s)
		}
		if known.checkIn >= 0 {
			since := steps[known.checkIn].at
			out.start.at = interval{maxOf(out.start.at.lo, since.lo), maxOf(out.start.at.hi, since.hi)}
		}
	}
	return out, review, ok
}

// othersAt are the signals of other streams, heartbeats and polls at a stay's place.
func (q *question) othersAt(known *stay, p *presence) []*signal {
	var out []*signal
	for i, steps := range p.reading {
		for n := range steps {
			if i != known.stream && steps[n].spot == known.spot {
				out = append(out, steps[n].signal)
			}
		}
	}
	for _, beats := range [][]beat{q.day.beats, q.day.polls} {
		for _, b := range beats {
			if b.spot == known.spot {
				out = append(out, b.signal)
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].id.before(out[j].id) })
	return out
}

func within(at interval, s *session) bool  { return s.window.lo <= at.lo && at.hi < s.window.hi }
func touches(at interval, s *session) bool { return s.window.lo <= at.hi && at.lo < s.window.hi }

// raise moves an end by what others saw there later.
func (q *question) raise(end *stayEnd, others []*signal, s *session) {
	named := false
	for _, other := range others {
		if within(other.at, s) {
			end.at.lo = maxOf(end.at.lo, other.at.lo)
		}
		if !touches(other.at, s) {
			continue
		}
		until := minOf(other.at.hi, s.window.hi-1)
		if until > end.at.hi || until == end.at.hi && named {
			end.at.hi, end.signal, named = until, other, true
		}
	}
}

// lower moves a start by what others saw there earlier.
func lower(start *stayEnd, others []*signal, s *session) {
	for _, other := range others {
		if within(other.at, s) {
			start.at.hi = minOf(start.at.hi, other.at.hi)
		}
		if touches(other.at, s) {
			start.at.lo = minOf(start.at.lo, maxOf(other.at.lo, s.window.lo))
		}
	}
}

func inside(ms int64, s *session) bool { return s.window.lo <= ms && ms < s.window.hi }

func firstAfter(served []*session, from int64) *session {
	for _, s := range served {
		if from < s.window.hi {
			return s
		}
	}
	return nil
}

func lastBefore(served []*session, until int64) *session {
	for i := len(served) - 1; i >= 0; i-- {
		if served[i].window.lo <= until {
			return served[i]
		}
	}
	return nil
}

// grace moves the first and the last ends to the window's, each unless a stay that may not have been may lie outside it.
func (q *question) grace(p *part) {
	none := interval{lastMs + 1, firstMs}
	least, most, perhaps := none, none, none
	for _, s := range p.stretches {
		most = most.hull(s.most)
		if s.hasLeast() {
			least = least.hull(s.least)
		} else {
			perhaps = perhaps.hull(s.most)
		}
	}
	window := p.session.window
	in := func(span *interval) {
		if span.lo-window.lo <= q.rules.graceIn {
			span.lo = window.lo
		}
	}
	out := func(span *interval) {
		if window.hi-span.hi <= q.rules.graceOut {
			span.hi = window.hi
		}
	}
	for _, s := range p.stretches {
		s.leastGraced, s.mostGraced = s.least, s.most
		if s.hasLeast() {
			if s.least.lo == least.lo && perhaps.lo >= least.lo {
				in(&s.leastGraced)
			}
			if s.least.hi == least.hi && perhaps.hi <= least.hi {
				out(&s.leastGraced)
			}
		}
		if s.most.lo == most.lo || perhaps != none {
			in(&s.mostGraced)
		}
		if s.most.hi == most.hi || perhaps != none {
			out(&s.mostGraced)
		}
	}
}

// spend gives the least and the most time, by stays and by words.
func (q *question) spend(p *part) {
	var plain, least, most []interval
	for _, s := range p.stretches {
		if s.hasLeast() {
			plain, least = append(plain, s.least), append(least, s.leastGraced)
		}
		most = append(most, s.mostGraced)
	}
	p.leastSet, p.mostSet = both(union(least), p.scope), both(union(most), p.scope)
	p.graced = total(p.leastSet) - total(both(union(plain), p.scope))
	switch {
	case p.word.confirmed:
		p.leastSet, p.mostSet = p.scope, p.scope
	case p.word.disputed:
		p.leastSet, p.mostSet = nil, p.scope
	case p.word.denied:
		p.leastSet = nil
		if q.rules.denialOverrides {
			p.mostSet = nil
		}
	default:
		return
	}
	p.graced = 0
}

// overlap lets time count once: it is the earlier session's.
func (q *question) overlap(parts []*part) {
	for i, p := range parts {
		for _, earlier := range parts[:i] {
			if hollow(p.session.window.cut(earlier.session.window)) {
				continue
			}
			least, most := less(p.leastSet, earlier.mostSet), less(p.mostSet, earlier.leastSet)
			p.overlapped = p.overlapped || total(least) != total(p.leastSet) || total(most) != total(p.mostSet)
			p.leastSet, p.mostSet = least, most
		}
	}
}

// keepLengths makes times exact where one clock stamped both ends of a stay.
func (q *question) keepLengths(p *part, parts []*part, h repairs) {
	for _, s := range p.stretches {
		if !q.keepsLength(s, p, parts, h) {
			continue
		}
		d := int64(s.end.signal.tick.raw - s.start.signal.tick.raw)
		e := int64(drift(uint64(d))) + 1
		least, most := int64(0), s.most.hi-s.most.lo
		if s.hasLeast() {
			least = s.least.hi - s.least.lo
		}
		if d-e > least {
			p.least += d - e - least
		}
		if d+e < most {
			p.most -= most - (d + e)
		}
	}
	p.most = maxOf(p.most, p.least)
}

func (q *question) keepsLength(s *stretch, p *part, parts []*part, h repairs) bool {
	if s.start.inferred+s.end.inferred != "" || p.word != (word{}) {
		return false
	}
	a, b := s.start.signal.tick, s.end.signal.tick
	if a == nil || b == nil || a.log != b.log || a.segment != b.segment || b.raw < a.raw {
		return false
	}
	window := p.session.window
	if s.start.at.lo < s.piece.lo || s.end.at.hi > s.piece.hi {
		return false
	}
	lies := false
	for _, counts := range p.scope {
		lies = lies || counts.lo <= s.most.lo && s.most.hi <= counts.hi
	}
	if !lies || q.rules.graceIn > 0 && s.mostGraced.lo-window.lo <= q.rules.graceIn ||
		q.rules.graceOut > 0 && window.hi-s.mostGraced.hi <= q.rules.graceOut {
		return false
	}
	for _, other := range p.stretches {
		if other != s && other.mostGraced.lo <= s.mostGraced.hi && s.mostGraced.lo <= other.mostGraced.hi {
			return false
		}
	}
	for _, other := range parts {
		if q.rules.countOnce && !h.countEach && other != p && !hollow(other.session.window.cut(window)) {
			return false
		}
	}
	return true
}

func (q *question) accommodate(p *part, h repairs) {
	r := q.registrationUnder(h)
	if len(r.valid()) == 0 || p.word.denied || p.word.disputed {
		return
	}
	for _, a := range r.accommodations {
		if a.session != "" && a.session != p.session.id {
			continue
		}
		if a.whole {
			p.least, p.most = p.scheduled, p.scheduled
			p.whole = true
			continue
		}
		for _, t := range []*int64{&p.least, &p.most} {
			if *t > 0 {
				*t = minOf(*t+a.extraMs, maxOf(p.scheduled, *t))
			}
		}
	}
}

// alone is whether nothing but a platform shows somebody at the session.
func (p *part) alone() {
	if p.word.confirmed || p.whole {
		return
	}
	platform, least, most := false, false, false
	for _, s := range p.stretches {
		if s.source == bySource {
			platform = true
			continue
		}
		least = least || s.hasLeast() && len(both([]interval{s.least}, p.scope)) > 0
		most = most || len(both([]interval{s.most}, p.scope)) > 0
	}
	p.aloneLeast = platform && !least
	p.aloneMost = platform && !least && !most
}

// ---- sets of time: spans in order that do not touch ----

func union(spans []interval) []interval {
	sorted := append([]interval(nil), spans...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].lo < sorted[j].lo })
	var out []interval
	for _, span := range sorted {
		switch n := len(out); {
		case hollow(span):
		case n > 0 && span.lo <= out[n-1].hi:
			out[n-1].hi = maxOf(out[n-1].hi, span.hi)
		default:
			out = append(out, span)
		}
	}
	return out
}

func both(a, b []interval) []interval {
	var out []interval
	for _, one := range a {
		for _, other := range b {
			out = append(out, one.cut(other))
		}
	}
	return union(out)
}

// less is the first without the second.
func less(a, b []interval) []interval {
	out := a
	for _, taken := range b {
		var left []interval
		for _, span := range out {
			left = append(left, span.cut(interval{firstMs, taken.lo}), span.cut(interval{taken.hi, lastMs + 1}))
		}
		out = union(left)
	}
	return out
}

func total(spans []interval) (ms int64) {
	for _, span := range spans {
		ms += span.hi - span.lo
	}
	return ms
}
