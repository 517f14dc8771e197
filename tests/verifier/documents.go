package main

import (
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// Objects that decisions rest on (sections 9 and 11), and how they are written.

type agenda struct {
	doors      map[string][]string
	sessions   []agendaSession
	programmes []programme
}

type agendaSession struct {
	session
	actualStart, actualEnd *int64
	programme              string
}

type programme struct{ id, title, rules string }

func readAgenda(text []byte) (*agenda, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "zone", "rooms", "doors", "sessions", "programmes")
	f.version()
	f.text("zone")
	for _, kid := range r.list(f.get("rooms")) {
		room := r.object(&kid, "id", "title", "part_of")
		room.id("id")
		room.text("title")
		if room.here("part_of") {
			room.id("part_of")
		}
	}
	a := &agenda{doors: map[string][]string{}}
	for _, kid := range r.list(f.get("doors")) {
		door := r.object(&kid, "id", "title", "rooms")
		door.text("title")
		id, rooms := door.id("id"), door.ids("rooms")
		if _, twice := a.doors[id]; !twice {
			a.doors[id] = rooms
		}
	}
	for _, kid := range r.list(f.get("sessions")) {
		a.sessions = append(a.sessions, readSession(r, kid))
	}
	for _, kid := range r.list(f.get("programmes")) {
		p := r.object(&kid, "id", "title", "rules")
		made := programme{id: p.id("id"), title: p.text("title")}
		if p.here("rules") {
			made.rules = p.text("rules")
		}
		a.programmes = append(a.programmes, made)
	}
	return a, r.err
}

func readSession(r *reader, v value) agendaSession {
	f := r.object(&v, "id", "title", "room", "start", "end", "actual_start", "actual_end", "programme", "credit_value")
	s := agendaSession{session: session{id: f.id("id"), title: f.text("title"), room: f.id("room"),
		start: f.instant("start"), end: f.instant("end")}}
	s.actualStart, s.actualEnd = f.optInstant("actual_start"), f.optInstant("actual_end")
	if f.here("programme") {
		s.programme = f.id("programme")
	}
	if f.here("credit_value") {
		f.decimal("credit_value")
	}
	return s
}

func (a *agenda) programme(id string) *programme {
	for i := range a.programmes {
		if a.programmes[i].id == id {
			return &a.programmes[i]
		}
	}
	return nil
}

// sessionsOf are the sessions of a programme with the windows that count.
func (a *agenda) sessionsOf(programme string, actual bool) []session {
	var out []session
	for _, s := range a.sessions {
		if s.programme != programme || s.start >= s.end {
			continue
		}
		s.window = interval{s.start, s.end}
		if actual && (s.actualStart != nil || s.actualEnd != nil) {
			window := s.window
			if s.actualStart != nil {
				window.lo = *s.actualStart
			}
			if s.actualEnd != nil {
				window.hi = *s.actualEnd
			}
			if window.lo < window.hi {
				s.window = window
			}
		}
		out = append(out, s.session)
	}
	return out
}

type roll struct {
	badgeKey string
	holders  map[string]string
	people   map[string]*registration
}

func readRegistrations(text []byte) (*roll, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "badge_key", "registrations")
	f.version()
	out := &roll{badgeKey: f.text("badge_key"), holders: map[string]string{}, people: map[string]*registration{}}
	for _, kid := range r.list(f.get("registrations")) {
		row := r.object(&kid, "attendee", "badges", "valid_from", "valid_until", "cancelled")
		reg := &registration{attendee: row.id("attendee"), from: row.optInstant("valid_from"), until: row.optInstant("valid_until")}
		if c := row.get("cancelled"); c != nil {
			reg.cancelled = row.flag("cancelled")
		}
		for _, badge := range r.list(row.get("badges")) {
			digest := r.text(&badge)
			if !isHash(digest) {
				r.fail("a badge is no digest")
			}
			if _, taken := out.holders[digest]; !taken {
				out.holders[digest] = reg.attendee
			}
		}
		if out.people[reg.attendee] == nil {
			out.people[reg.attendee] = reg
		}
	}
	return out, r.err
}

type logPrefix struct {
	log  string
	size uint64
}

type basis struct {
	version                      uint64
	event, programme             string
	logs                         []logPrefix
	agenda, registrations, rules string
	engine                       string
	now                          int64
	incomplete                   []string
}

func readBasis(text []byte) (*basis, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "event", "programme", "logs", "agenda", "registrations", "rules", "engine", "now", "incomplete_doors")
	b := &basis{version: f.u32("v"), event: f.id("event"), programme: f.id("programme"), agenda: f.text("agenda"),
		registrations: f.text("registrations"), rules: f.text("rules"), engine: f.text("engine"), now: f.instant("now"),
		incomplete: f.ids("incomplete_doors")}
	for _, kid := range r.list(f.get("logs")) {
		l := r.object(&kid, "log", "size")
		b.logs = append(b.logs, logPrefix{l.text("log"), l.u64("size")})
	}
	if r.err == nil && b.write() != string(text) {
		r.fail("the basis is not written in its one form")
	}
	return b, r.err
}

func (b *basis) write() string {
	var logs, doors []string
	for _, l := range b.logs {
		logs = append(logs, fmt.Sprintf(`{"log":%s,"size":%d}`, quote(l.log), l.size))
	}
	for _, door := range b.incomplete {
		doors = append(doors, quote(door))
	}
	return fmt.Sprintf(`{"v":%d,"event":%s,"programme":%s,"logs":[%s],"agenda":%s,"registrations":%s,"rules":%s,"engine":%s,"now":"%s","incomplete_doors":[%s]}`,
		b.version, quote(b.event), quote(b.programme), strings.Join(logs, ","), quote(b.agenda), quote(b.registrations),
		quote(b.rules), quote(b.engine), instantText(b.now), strings.Join(doors, ","))
}

func (b *basis) sorted() bool {
	return sort.SliceIsSorted(b.logs, func(i, j int) bool { return b.logs[i].log < b.logs[j].log }) && !b.repeated()
}

func (b *basis) repeated() bool {
	for i := 1; i < len(b.logs); i++ {
		if b.logs[i].log == b.logs[i-1].log {
			return true
		}
	}
	return false
}

// A writtenDecision is what a certificate repeats of a decision's object.
type writtenDecision struct {
	explanation string
	parts       []writtenPart
}

type writtenPart struct {
	session              string
	scheduledMs, leastMs int64
}

func readDecision(text []byte) (*writtenDecision, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "attendee", "programme", "basis", "outcome", "credits", "least_credits", "most_credits",
		"full_credits", "reason", "explanation", "complete", "parts", "evidence")
	f.u32("v")
	f.id("attendee")
	f.id("programme")
	f.text("basis")
	f.word("outcome", outcomes...)
	f.must("credits")
	if f.here("credits") {
		f.decimal("credits")
	}
	f.decimal("least_credits")
	f.decimal("most_credits")
	f.decimal("full_credits")
	f.word("reason", reasons...)
	f.flag("complete")
	d := &writtenDecision{explanation: f.text("explanation")}
	for _, kid := range r.list(f.get("parts")) {
		p := r.object(&kid, "session", "scheduled_ms", "least_ms", "most_ms", "met", "stays")
		d.parts = append(d.parts, writtenPart{p.id("session"), p.i64("scheduled_ms"), p.i64("least_ms")})
		p.i64("most_ms")
		if p.here("met") {
			p.flag("met")
		}
		for _, stay := range r.list(p.get("stays")) {
			s := r.object(&stay, "room", "start", "end")
			s.id("room")
			readEnd(s, "start")
			readEnd(s, "end")
		}
	}
	for _, kid := range r.list(f.get("evidence")) {
		e := r.object(&kid, "log", "index")
		e.text("log")
		e.u64("index")
	}
	return d, r.err
}

func readEnd(stay fields, key string) {
	if !stay.here(key) {
		return
	}
	f := stay.r.object(stay.get(key), "at", "inferred", "log", "index")
	at := stay.r.object(f.get("at"), "earliest", "latest")
	at.instant("earliest")
	at.instant("latest")
	for _, key := range []string{"inferred", "log"} {
		if f.here(key) {
			f.text(key)
		}
	}
	if f.here("index") {
		f.u64("index")
	}
}

// decimalText writes millionths.
func decimalText(n *big.Int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) < 7 {
		digits = strings.Repeat("0", 7-len(digits)) + digits
	}
	text := strings.TrimRight(digits[:len(digits)-6]+"."+digits[len(digits)-6:], "0")
	text = strings.TrimSuffix(text, ".")
	if n.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// write gives a decision its one form.
func (d *decided) write(attendee, programme, basis, explanation string) string {
	credits := "null"
	if !d.review {
		credits = quote(decimalText(d.counted.least))
	}
	var parts, evidence []string
	for i := range d.counted.parts {
		parts = append(parts, d.counted.parts[i].write())
	}
	for _, s := range d.counted.seen {
		evidence = append(evidence, fmt.Sprintf(`{"log":%s,"index":%d}`, quote(s.log), s.index))
	}
	return fmt.Sprintf(`{"v":1,"attendee":%s,"programme":%s,"basis":%s,"outcome":%s,"credits":%s,"least_credits":%s,"most_credits":%s,"full_credits":%s,"reason":%s,"explanation":%s,"complete":%t,"parts":[%s],"evidence":[%s]}`,
		quote(attendee), quote(programme), quote(basis), quote(d.outcome), credits, quote(decimalText(d.counted.least)),
		quote(decimalText(d.counted.most)), quote(decimalText(d.counted.full)), quote(d.reason), quote(explanation),
		d.complete, strings.Join(parts, ","), strings.Join(evidence, ","))
}

func (p *part) write() string {
	met := "null"
	if p.met != nil {
		met = strconv.FormatBool(*p.met)
	}
	var stays []string
	for _, s := range p.stays {
		stays = append(stays, fmt.Sprintf(`{"room":%s,"start":%s,"end":%s}`, quote(s.room), s.start.write(), s.end.write()))
	}
	return fmt.Sprintf(`{"session":%s,"scheduled_ms":%d,"least_ms":%d,"most_ms":%d,"met":%s,"stays":[%s]}`,
		quote(p.session.id), p.scheduled, p.least, p.most, met, strings.Join(stays, ","))
}

func (e *stayEnd) write() string {
	text := fmt.Sprintf(`{"at":{"earliest":"%s","latest":"%s"}`, instantText(e.at.lo), instantText(e.at.hi))
	if e.inferred != "" {
		text += `,"inferred":` + quote(e.inferred)
	}
	if e.signal != nil {
		text += fmt.Sprintf(`,"log":%s,"index":%d`, quote(e.signal.log), e.signal.index)
	}
	return text + "}"
}

// ---- the explanation (11.7) ----

func span(ms int64) string {
	s := ms / 1000
	m, r := s/60, s%60
	switch {
	case m == 0:
		return fmt.Sprintf("%d s", r)
	case r == 0 || m >= 90:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d min %d s", m, r)
}

var why = map[string]string{
	"not_registered":         "not registered",
	"registration_cancelled": "the registration did not hold",
	"no_attendance":          "no attendance recorded",
	"missing_check_in":       "a check-in is missing",
	"missing_check_out":      "a check-out is missing",
	"clock_uncertain":        "the clock leaves it open",
	"insufficient_evidence":  "a scan can be read both ways",
	"below_minimum":          "below the minimum",
}

func (d *decided) explain(r *rules) string {
	var least, most, scheduled int64
	for i := range d.counted.parts {
		p := &d.counted.parts[i]
		least, most, scheduled = least+p.least, most+p.most, scheduled+p.scheduled
	}
	text := fmt.Sprintf("Present %s of %s", span(least), span(scheduled))
	if span(least) != span(most) {
		text = fmt.Sprintf("Present between %s and %s of %s", span(least), span(most), span(scheduled))
	}
	need := ""
	switch {
	case r.share > 0:
		need = decimalText(times(r.share, 100)) + " %"
	case r.minutesMs > 0:
		need = span(r.minutesMs)
	case r.full:
		need = "all"
	}
	if need != "" && len(d.counted.parts) > 1 {
		text += "; " + need + " of each session needed"
	} else if need != "" {
		text += "; " + need + " needed"
	}
	if d.review {
		text += fmt.Sprintf("; %s to %s credits, a reviewer decides", decimalText(d.counted.least), decimalText(d.counted.most))
	} else {
		text += fmt.Sprintf("; %s of %s credits", decimalText(d.counted.least), decimalText(d.counted.full))
	}
	if why[d.reason] != "" {
		text += " (" + why[d.reason] + ")"
	}
	return text + "."
}
