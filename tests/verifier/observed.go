package main

import (
	"errors"
	"fmt"
	"unicode"
)

// What other sources than doors saw: objects of signals, the entries of the ledger that name them, retractions (section 9.1).

const (
	maxObserved = 200000
	maxSubjects = 8
	maxChannel  = 200
	maxWord     = 128
)

type observed struct {
	source, system string
	rows           []observedRow
}

type observedRow struct {
	subjects                                       []string
	attendee, kind, channel, room, session, device string
	poll                                           string
	at                                             interval
}

func readObserved(text []byte) (*observed, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	f := r.object(&v, "v", "source", "system", "rows")
	f.version()
	out := &observed{source: f.word("source", "app", bySource, "person", claim), system: f.id("system")}
	rows := r.list(f.get("rows"))
	if len(rows) > maxObserved {
		r.fail("more than %d rows", maxObserved)
	}
	for _, kid := range rows {
		out.rows = append(out.rows, readObservedRow(r, kid))
	}
	return out, r.err
}

func readObservedRow(r *reader, v value) observedRow {
	f := r.object(&v, "subjects", "attendee", "kind", "channel", "room", "session", "device", "poll", "earliest", "latest", "reason")
	row := observedRow{subjects: f.digests(f.listed("subjects")), kind: f.word("kind", signalKinds...),
		at: interval{f.instant("earliest"), f.instant("latest")}}
	people, places := 0, 0
	if len(row.subjects) > 0 {
		people++
	}
	if f.here("attendee") {
		row.attendee = f.id("attendee")
		people++
	}
	if f.here("channel") {
		row.channel = f.plain("channel", maxChannel)
		places++
	}
	for key, place := range map[string]*string{"room": &row.room, "session": &row.session} {
		if f.here(key) {
			*place = f.id(key)
			places++
		}
	}
	reason := ""
	for key, word := range map[string]*string{"device": &row.device, "poll": &row.poll, "reason": &reason} {
		if f.here(key) {
			*word = f.plain(key, maxWord)
		}
	}
	if people != 1 || places != 1 || len(row.subjects) > maxSubjects || f.here("poll") != (row.kind == pollAnswer) ||
		row.at.lo > row.at.hi {
		r.fail("a row is not as it must be")
	}
	return row
}

// plain is a text of some bytes without control characters.
func (f fields) plain(key string, most int) string {
	return f.checked(key, func(text string) bool {
		for _, c := range text {
			if unicode.Is(unicode.Cc, c) {
				return false
			}
		}
		return len(text) >= 1 && len(text) <= most
	})
}

// observed opens an object of signals once.
func (r *run) observed(hash string) (*observed, error) {
	if known, is := r.seen[hash]; is {
		return known, must(known != nil, "the object of signals is not there, or does not read")
	}
	text, err := r.files.object(hash)
	var out *observed
	if err == nil {
		if out, err = readObserved(text); err != nil {
			out = nil
		}
	}
	r.seen[hash] = out
	return out, err
}

// accepted is whether a `signals` entry is true of its object.
func (r *run) accepted(body *signalsBody) error {
	object, err := r.observed(body.object)
	if err != nil {
		return err
	}
	return must(object.system == body.source && uint64(len(object.rows)) == body.rows,
		"its object is of another system, or has another number of rows")
}

// takesBack is whether a retraction names what there is, and is the first to.
func (r *run) takesBack(index uint64, body *retractionBody, known map[retractionBody]bool) error {
	entry, is := r.entryBefore(body.entry, index).(*signalsBody)
	if !is {
		return errors.New("it takes back what is no earlier entry of signals")
	}
	if object, err := r.observed(entry.object); body.row >= 0 && (err != nil || body.row >= int64(len(object.rows))) {
		return fmt.Errorf("the object has no row %d", body.row)
	}
	twice := known[*body]
	known[*body] = true
	return must(!twice, "an earlier retraction names the same")
}

// rowsBelow calls each row that counts by the ledger's first so many entries.
func (r *run) rowsBelow(size uint64, each func(index uint64, row int64, object *observed)) {
	gone := map[retractionBody]bool{}
	entries := r.book.entries
	if size < uint64(len(entries)) {
		entries = entries[:size]
	}
	for _, e := range entries {
		if body, is := e.body.(*retractionBody); is {
			gone[*body] = true
		}
	}
	for i, e := range entries {
		body, is := e.body.(*signalsBody)
		if !is || gone[retractionBody{uint64(i), -1}] {
			continue
		}
		object, err := r.observed(body.object)
		if err != nil {
			continue
		}
		for row := range object.rows {
			if !gone[retractionBody{uint64(i), int64(row)}] {
				each(uint64(i), int64(row), object)
			}
		}
	}
}

// whose is the attendee that a row is about; nobody's is empty.
func (r *roll) whose(row *observedRow) string {
	if row.attendee != "" {
		return row.attendee
	}
	for _, subject := range row.subjects {
		if attendee, listed := r.accounts[subject]; listed {
			return attendee
		}
	}
	return ""
}

// signal is what a row says by an agenda, if it has its place.
func (a *agenda) signal(id signalID, object *observed) (signal, bool) {
	row := &object.rows[id.row]
	s := signal{id: id, source: object.source, kind: row.kind, at: row.at, quality: reported, session: row.session,
		device: row.device, poll: row.poll}
	known := true
	switch {
	case row.channel != "":
		s.rooms, known = a.channels[row.channel]
	case row.room != "":
		s.rooms, known = []string{row.room}, a.rooms[row.room]
	default:
		known = false
		for _, session := range a.sessions {
			known = known || session.id == row.session
		}
	}
	return s, known
}

// leavesOut is whether a decision's basis leaves out what the ledger held of the attendee before it.
func (r *run) leavesOut(index uint64, q *asked, attendee string, inForce *force) error {
	rows := func(size uint64) map[signalID]bool {
		out := map[signalID]bool{}
		r.rowsBelow(size, func(index uint64, row int64, object *observed) {
			if q.roll.whose(&object.rows[row]) == attendee {
				out[signalID{"", index, row}] = true
			}
		})
		return out
	}
	size := q.basis.sizeOf(r.book.log.origin)
	if r.changes(size, index) {
		held, named := rows(index), rows(size)
		same := len(held) == len(named)
		for id := range held {
			same = same && named[id]
		}
		if !same {
			return errors.New("the basis leaves out signals of the ledger that were held, or what was taken back")
		}
	}
	for _, j := range r.journals {
		counted := inForce.enrolments.counted(j.log.origin)
		for i := q.basis.sizeOf(j.log.origin); i < counted && i < uint64(len(j.entries)); i++ {
			scan, is := j.entries[i].body.(*scanBody)
			if is && q.roll.counts(scan) && oneOf(attendee, q.roll.credited(scan.badge)) {
				return fmt.Errorf("the basis leaves out entry %d of %q, which was held", i, j.log.origin)
			}
		}
	}
	return nil
}

// changes is whether the ledger says anything of signals between two of its sizes.
func (r *run) changes(from, to uint64) bool {
	for i := from; i < to && i < uint64(len(r.book.entries)); i++ {
		switch r.book.entries[i].body.(type) {
		case *signalsBody, *retractionBody:
			return true
		}
	}
	return false
}

func (b *basis) sizeOf(log string) uint64 {
	for _, l := range b.logs {
		if l.log == log {
			return l.size
		}
	}
	return 0
}

// counts is whether a scan may count for anybody.
func (r *roll) counts(scan *scanBody) bool {
	return scan.verdict != "repeat" && scan.verdict != "revoked_badge" && scan.key == r.badgeKey
}
