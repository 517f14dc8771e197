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
	doors, channels map[string][]string
	partOf          map[string]string
	rooms           map[string]bool
	sessions        []*agendaSession
	programmes      []programme
}

type agendaSession struct {
	session
	programme string
}

type programme struct{ id, title, rules string }

func readAgenda(text []byte) (*agenda, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "zone", "rooms", "doors", "channels", "sessions", "programmes")
	f.version()
	f.text("zone")
	a := &agenda{partOf: map[string]string{}, rooms: map[string]bool{}}
	for _, kid := range r.list(f.get("rooms")) {
		room := r.object(&kid, "id", "title", "part_of")
		id := room.id("id")
		a.rooms[id] = true
		room.text("title")
		if room.here("part_of") {
			whole := room.id("part_of")
			if _, twice := a.partOf[id]; !twice {
				a.partOf[id] = whole
			}
		}
	}
	a.doors = readDoors(r, f.get("doors"), fields.id)
	a.channels = readDoors(r, f.listed("channels"), fields.text)
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

// readDoors are doors, or channels, with their rooms; the first of an id counts.
func readDoors(r *reader, v *value, id func(fields, string) string) map[string][]string {
	out := map[string][]string{}
	for _, kid := range r.list(v) {
		door := r.object(&kid, "id", "title", "rooms")
		door.text("title")
		name, rooms := id(door, "id"), door.ids("rooms")
		if _, twice := out[name]; !twice {
			out[name] = rooms
		}
	}
	return out
}

func readSession(r *reader, v value) *agendaSession {
	f := r.object(&v, "id", "title", "room", "start", "end", "actual_start", "actual_end", "programme", "credit_value",
		"kind", "parts", "excluded", "fields", "day", "polls_offered")
	s := &agendaSession{session: session{id: f.id("id"), title: f.text("title"), room: f.id("room"),
		start: f.instant("start"), end: f.instant("end"), kind: "session"}}
	s.actualStart, s.actualEnd = f.optInstant("actual_start"), f.optInstant("actual_end")
	if f.here("programme") {
		s.programme = f.id("programme")
	}
	if f.here("credit_value") {
		value := f.decimal("credit_value")
		s.value = &value
	}
	if f.here("kind") {
		s.kind = f.text("kind")
	}
	if f.here("day") {
		s.day = f.text("day")
	}
	if f.here("polls_offered") {
		s.pollsOffered = f.u32("polls_offered")
	}
	s.parts = s.stretches(r, f.listed("parts"))
	s.excluded = s.stretches(r, f.listed("excluded"))
	for _, kid := range r.list(f.listed("fields")) {
		one := r.object(&kid, "field", "weight")
		if made := (field{one.text("field"), int64(one.u32("weight"))}); made.weight > 0 {
			s.fields = append(s.fields, made)
		}
	}
	return s
}

// stretches are parts of a session's scheduled time, in order, those that touch as one.
func (s *agendaSession) stretches(r *reader, v *value) []interval {
	var out []interval
	for _, kid := range r.list(v) {
		f := r.object(&kid, "start", "end")
		out = append(out, interval{f.instant("start"), f.instant("end")}.cut(interval{s.start, s.end}))
	}
	return union(out)
}

func (a *agenda) programme(id string) *programme {
	for i := range a.programmes {
		if a.programmes[i].id == id {
			return &a.programmes[i]
		}
	}
	return nil
}

// pieces are what a session's window consists of (11.3).
func (s *agendaSession) pieces(actual bool) []interval {
	window := interval{s.start, s.end}
	if actual && (s.actualStart != nil || s.actualEnd != nil) {
		other := window
		if s.actualStart != nil {
			other.lo = *s.actualStart
		}
		if s.actualEnd != nil {
			other.hi = *s.actualEnd
		}
		if !hollow(other) {
			window = other
		}
	}
	if parts := both(s.parts, []interval{window}); len(parts) > 0 {
		return parts
	}
	return []interval{window}
}

// listed are all sessions of a programme.
func (a *agenda) listed(programme string) []*session {
	var out []*session
	for _, s := range a.sessions {
		if s.programme == programme {
			out = append(out, &s.session)
		}
	}
	return out
}

// sessionsOf are the sessions of a programme that count, in their order, with what counts of them.
func (a *agenda) sessionsOf(programme string, r *rules) []*session {
	var out []*session
	isExcluded := func(s *agendaSession) bool { return oneOf(s.kind, r.excludedKinds) }
	for _, s := range a.sessions {
		if s.programme != programme || s.start >= s.end || isExcluded(s) {
			continue
		}
		pieces := s.pieces(r.actualWindows)
		made := s.session
		made.window = interval{pieces[0].lo, pieces[len(pieces)-1].hi}
		made.pieced = pieces
		made.counted = less(pieces, s.excluded)
		for _, other := range a.sessions {
			if other.programme == programme && other.room == s.room && other.start < other.end && isExcluded(other) {
				made.counted = less(made.counted, other.pieces(r.actualWindows))
			}
		}
		out = append(out, &made)
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].window.lo != out[j].window.lo {
			return out[i].window.lo < out[j].window.lo
		}
		return out[i].id < out[j].id
	})
	for i, s := range out {
		s.first = s.counted
		for _, earlier := range out[:i] {
			if r.countOnce && !hollow(s.window.cut(earlier.window)) {
				s.first = less(s.first, earlier.first)
			}
		}
	}
	return out
}

type roll struct {
	badgeKey string
	// Whose badges and accounts these are, by digest; an account of two is nobody's.
	holders, accounts map[string]string
	// For whom else scans of a badge count.
	assisted map[string][]string
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
	out := &roll{badgeKey: f.text("badge_key"), holders: map[string]string{}, accounts: map[string]string{},
		assisted: map[string][]string{}, people: map[string]*registration{}}
	for _, kid := range r.list(f.get("registrations")) {
		row := r.object(&kid, "attendee", "badges", "valid_from", "valid_until", "cancelled", "accounts", "assistants", "speaks",
			"accommodations")
		reg := &registration{attendee: row.id("attendee"), from: row.optInstant("valid_from"), until: row.optInstant("valid_until"),
			cancelled: row.truth("cancelled")}
		for _, digest := range row.digests(row.get("badges")) {
			if _, taken := out.holders[digest]; !taken {
				out.holders[digest] = reg.attendee
			}
		}
		for _, digest := range row.digests(row.listed("accounts")) {
			if other, taken := out.accounts[digest]; taken && other != reg.attendee {
				out.accounts[digest] = ""
			} else {
				out.accounts[digest] = reg.attendee
			}
		}
		for _, digest := range row.digests(row.listed("assistants")) {
			if !oneOf(reg.attendee, out.assisted[digest]) {
				out.assisted[digest] = append(out.assisted[digest], reg.attendee)
			}
		}
		if row.get("speaks") != nil {
			reg.speaks = row.ids("speaks")
		}
		for _, kid := range r.list(row.listed("accommodations")) {
			one := r.object(&kid, "session", "extra_s", "whole")
			a := accommodation{whole: one.truth("whole")}
			if one.here("session") {
				a.session = one.id("session")
			}
			if one.here("extra_s") {
				a.extraMs = int64(one.u32("extra_s")) * secondMs
			}
			reg.accommodations = append(reg.accommodations, a)
		}
		if out.people[reg.attendee] == nil {
			out.people[reg.attendee] = reg
		}
	}
	return out, r.err
}

// digests reads a list of hashes.
func (f fields) digests(v *value) []string {
	var out []string
	for _, kid := range f.r.list(v) {
		digest := f.r.text(&kid)
		if !isHash(digest) {
			f.r.fail("%q is no digest", digest)
		}
		out = append(out, digest)
	}
	return out
}

// credited are those for whom a badge's scans count: its holder and those whom the holder assists.
func (r *roll) credited(badge string) []string {
	var out []string
	if holder, held := r.holders[badge]; held {
		out = append(out, holder)
	}
	for _, attendee := range r.assisted[badge] {
		if !oneOf(attendee, out) {
			out = append(out, attendee)
		}
	}
	return out
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
		"full_credits", "reason", "explanation", "fields", "engagement", "confidence", "complete", "parts", "evidence")
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
		p := r.object(&kid, "session", "scheduled_ms", "least_ms", "most_ms", "graced_ms", "word", "met", "stays")
		d.parts = append(d.parts, writtenPart{p.id("session"), p.i64("scheduled_ms"), p.i64("least_ms")})
		p.i64("most_ms")
		if p.get("graced_ms") != nil {
			p.i64("graced_ms")
		}
		if p.here("word") {
			p.word("word", confirmed, denied)
		}
		if p.here("met") {
			p.flag("met")
		}
		for _, stay := range r.list(p.get("stays")) {
			s := r.object(&stay, "room", "source", "start", "end")
			s.id("room")
			if s.get("source") != nil {
				s.word("source", sourceWords...)
			}
			readEnd(s, "start")
			readEnd(s, "end")
		}
	}
	for _, kid := range r.list(f.get("evidence")) {
		e := r.object(&kid, "log", "index", "row")
		e.text("log")
		e.u64("index")
		if e.here("row") {
			e.u32("row")
		}
	}
	readAccount(r, f)
	return d, r.err
}

// readAccount reads fields, engagement and confidence.
func readAccount(r *reader, f fields) {
	for _, kid := range r.list(f.listed("fields")) {
		one := r.object(&kid, "field", "credits")
		one.text("field")
		one.decimal("credits")
	}
	if f.here("engagement") {
		e := r.object(f.get("engagement"), "answered", "needed")
		e.u32("answered")
		e.u32("needed")
	}
	if f.here("confidence") {
		c := r.object(f.get("confidence"), "per_cent", "terms")
		c.unsigned("per_cent", 8)
		for _, kid := range r.list(c.get("terms")) {
			one := r.object(&kid, "term", "points")
			one.text("term")
			if n := one.i64("points"); n < -128 || n > 127 {
				r.fail("points: not an integer of 8 bits")
			}
		}
	}
}

func readEnd(stay fields, key string) {
	if !stay.here(key) {
		return
	}
	f := stay.r.object(stay.get(key), "at", "inferred", "log", "index", "row")
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
	if f.here("row") {
		f.u32("row")
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
		credits = quote(decimalText(d.counted.least.total))
	}
	var parts, evidence []string
	for _, p := range d.counted.parts {
		parts = append(parts, p.write())
	}
	for _, id := range d.evidence {
		evidence = append(evidence, "{"+id.write()+"}")
	}
	return fmt.Sprintf(`{"v":1,"attendee":%s,"programme":%s,"basis":%s,"outcome":%s,"credits":%s,"least_credits":%s,"most_credits":%s,"full_credits":%s,"reason":%s,"explanation":%s,%s"complete":%t,"parts":[%s],"evidence":[%s]}`,
		quote(attendee), quote(programme), quote(basis), quote(d.outcome), credits, quote(decimalText(d.least)),
		quote(decimalText(d.most)), quote(decimalText(d.counted.full)), quote(d.reason), quote(explanation),
		d.writeAccount(), d.complete, strings.Join(parts, ","), strings.Join(evidence, ","))
}

// writeAccount writes fields, engagement and confidence.
func (d *decided) writeAccount() string {
	text := ""
	var fields, terms []string
	for _, f := range d.fields {
		fields = append(fields, fmt.Sprintf(`{"field":%s,"credits":%s}`, quote(f.field), quote(decimalText(f.credits))))
	}
	if fields != nil {
		text = fmt.Sprintf(`"fields":[%s],`, strings.Join(fields, ","))
	}
	if e := d.counted.least.engagement; e != nil {
		text += fmt.Sprintf(`"engagement":{"answered":%s,"needed":%s},`, e.answered, e.needed)
	}
	for _, t := range d.confidence.terms {
		terms = append(terms, fmt.Sprintf(`{"term":%s,"points":%d}`, quote(t.term), t.points))
	}
	return text + fmt.Sprintf(`"confidence":{"per_cent":%d,"terms":[%s]},`, d.confidence.perCent, strings.Join(terms, ","))
}

func (id signalID) write() string {
	text := fmt.Sprintf(`"log":%s,"index":%d`, quote(id.log), id.index)
	if id.row >= 0 {
		text += fmt.Sprintf(`,"row":%d`, id.row)
	}
	return text
}

func (p *part) write() string {
	met, more := "null", ""
	if least, most := p.meets[0], p.meets[1]; least == most {
		met = strconv.FormatBool(least)
	}
	if p.graced != 0 {
		more = fmt.Sprintf(`"graced_ms":%d,`, p.graced)
	}
	if word := p.wordText(); word != "" {
		more += fmt.Sprintf(`"word":%s,`, quote(word))
	}
	var stays []string
	for _, s := range p.stays {
		stays = append(stays, s.write(p.session))
	}
	return fmt.Sprintf(`{"session":%s,"scheduled_ms":%d,"least_ms":%d,"most_ms":%d,%s"met":%s,"stays":[%s]}`,
		quote(p.session.id), p.scheduled, p.least, p.most, more, met, strings.Join(stays, ","))
}

func (s *resolved) write(at *session) string {
	room, source := s.spot.id, ""
	if s.spot.session {
		room = at.room
	}
	if s.source != "scan" {
		source = fmt.Sprintf(`"source":%s,`, quote(s.source))
	}
	return fmt.Sprintf(`{"room":%s,%s"start":%s,"end":%s}`, quote(room), source, s.start.write(), s.end.write())
}

func (e *stayEnd) write() string {
	text := fmt.Sprintf(`{"at":{"earliest":"%s","latest":"%s"}`, instantText(e.at.lo), instantText(e.at.hi))
	if e.inferred != "" {
		text += `,"inferred":` + quote(e.inferred)
	}
	if e.signal != nil {
		text += "," + e.signal.id.write()
	}
	return text + "}"
}
