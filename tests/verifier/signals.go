package main

import "sort"

// Signals (section 11.2): what was seen of an attendee, where it counts, heartbeats that make runs, words on sessions.

var (
	sourceWords = []string{"scan", "app", "platform", "person"}
	signalKinds = []string{"in", "out", "seen", "heartbeat", "poll", "confirmed", "denied", "attested"}
)

const (
	bySource   = "platform"
	claim      = "claim"
	heartbeat  = "heartbeat"
	pollAnswer = "poll"
	confirmed  = "confirmed"
	denied     = "denied"
	attested   = "attested"
)

// A signalID names a signal; row is -1 where it is none of an object's.
type signalID struct {
	log   string
	index uint64
	row   int64
}

func (a signalID) before(b signalID) bool {
	switch {
	case a.log != b.log:
		return a.log < b.log
	case a.index != b.index:
		return a.index < b.index
	}
	return a.row < b.row
}

// A tick is what the raw clock of a log's segment read.
type tick struct {
	log     string
	segment int
	raw     uint64
}

type signal struct {
	id      signalID
	source  string
	kind    string
	toggled bool
	at      interval
	quality string
	tick    *tick
	rooms   []string
	session string
	device  string
	poll    string
}

func (s *signal) isCrossing() bool { return oneOf(s.kind, directions) }

// A spot is where a signal counts: a room, or a session itself.
type spot struct {
	session bool
	id      string
}

func inRoom(id string) spot { return spot{id: id} }

// A beat is a heartbeat or the answer to a poll, where it was.
type beat struct {
	*signal
	spot spot
}

// A beatRun is a row of heartbeats (a span may be empty).
type beatRun struct {
	spot        spot
	source      string
	least, most interval
	first, last *signal
}

// What stands on a session by the words of people.
type word struct{ confirmed, denied, disputed bool }

// heard are the signals that count under some sources, by id.
func heard(signals []signal, sources []string) []*signal {
	var out []*signal
	for i := range signals {
		s := &signals[i]
		if s.source != claim && s.kind != attested && oneOf(s.source, sources) {
			out = append(out, s)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		switch {
		case a.id != b.id:
			return a.id.before(b.id)
		case a.at.lo != b.at.lo:
			return a.at.lo < b.at.lo
		}
		return a.at.hi < b.at.hi
	})
	var once []*signal
	for _, s := range out {
		if n := len(once); n == 0 || once[n-1].id != s.id {
			once = append(once, s)
		}
	}
	return once
}

// spots are where a signal can have been; none where it is left out.
func (q *question) spots(s *signal) []spot {
	at := q.sessionNamed(s.session)
	var out []spot
	switch {
	case s.isCrossing() && s.source != bySource:
		for _, room := range s.rooms {
			out = append(out, inRoom(room))
		}
		if len(out) == 0 && at != nil {
			out = append(out, inRoom(at.room))
		}
	case s.session != "":
		if at != nil {
			out = append(out, spot{session: true, id: s.session})
		}
	case s.isCrossing():
		for _, room := range s.rooms {
			out = append(out, inRoom(room))
		}
	case len(s.rooms) > 0:
		out = append(out, inRoom(q.roomOn(s)))
	}
	return out
}

// roomOn is the first of a signal's rooms in which a session is on at its earliest time, or the first of all.
func (q *question) roomOn(s *signal) string {
	for _, room := range s.rooms {
		for _, session := range q.listed {
			if session.room == room && session.start <= s.at.lo && s.at.lo < session.end {
				return room
			}
		}
	}
	return s.rooms[0]
}

func (q *question) sessionNamed(id string) *session {
	for _, s := range q.sessions {
		if id != "" && s.id == id {
			return s
		}
	}
	return nil
}

// sort puts signals that count into streams, beats and words.
func (q *question) sort(signals []*signal) *day {
	d := &day{words: map[string]word{}}
	type key struct {
		platform               bool
		device, session, rooms string
	}
	streams := map[key]*stream{}
	crossings := &stream{}
	d.streams = append(d.streams, crossings)
	last := map[string]map[string]*signal{}
	for _, s := range signals {
		spots := q.spots(s)
		switch {
		case len(spots) == 0:
		case s.isCrossing() && s.source != bySource:
			crossings.chances = append(crossings.chances, &chance{signal: s, spots: spots})
		case s.isCrossing():
			k := key{true, s.device, s.session, ""}
			if s.session == "" {
				for _, room := range s.rooms {
					k.rooms += room + "\n"
				}
			}
			if streams[k] == nil {
				streams[k] = &stream{platform: true}
				d.streams = append(d.streams, streams[k])
			}
			streams[k].chances = append(streams[k].chances, &chance{signal: s, spots: spots})
		case s.kind == heartbeat:
			d.beats = append(d.beats, beat{s, spots[0]})
		case s.kind == pollAnswer:
			d.polls = append(d.polls, beat{s, spots[0]})
		case spots[0].session:
			if last[s.session] == nil {
				last[s.session] = map[string]*signal{}
			}
			// Signals come by id: the last one stands.
			last[s.session][s.id.log] = s
		}
	}
	for session, byLog := range last {
		w := word{}
		for _, s := range byLog {
			w.confirmed = w.confirmed || s.kind == confirmed
			w.denied = w.denied || s.kind == denied
		}
		if w.confirmed && w.denied {
			w = word{disputed: true}
		}
		d.words[session] = w
	}
	d.runs = q.runs(d.beats)
	for _, s := range d.streams {
		q.chances(s)
		d.contradicts = d.contradicts || s.contradicts
	}
	return d
}

// runs are the runs of heartbeats, group by group in the order of their first signals.
func (q *question) runs(beats []beat) []beatRun {
	type key struct {
		source, device string
		spot           spot
	}
	groups := map[key][]*signal{}
	var order []key
	for _, b := range beats {
		k := key{b.source, b.device, b.spot}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], b.signal)
	}
	var out []beatRun
	for _, k := range order {
		group := groups[k]
		sort.SliceStable(group, func(i, j int) bool {
			a, b := group[i], group[j]
			switch {
			case a.at.lo != b.at.lo:
				return a.at.lo < b.at.lo
			case a.at.hi != b.at.hi:
				return a.at.hi < b.at.hi
			}
			return a.id.before(b.id)
		})
		for _, r := range connected(group, q.rules.heartbeatGap) {
			r.spot, r.source = k.spot, k.source
			out = append(out, r)
		}
	}
	return out
}

// connected are the runs of one group of sorted beats.
func connected(group []*signal, gap int64) []beatRun {
	var out []beatRun
	for from := 0; from < len(group); {
		to, latest := from+1, group[from].at.hi
		rows := []int{from}
		for to < len(group) && group[to].at.lo <= latest+gap {
			before, s := group[to-1], group[to]
			if maxOf(before.at.hi, s.at.hi) > before.at.lo+gap {
				rows = append(rows, to)
			}
			latest = maxOf(latest, s.at.hi)
			to++
		}
		all := rowOf(group[from:to])
		if len(rows) > 1 && all.most.lo < all.most.hi {
			all.least = interval{}
			out = append(out, all)
		}
		rows = append(rows, to)
		for i := 0; i+1 < len(rows); i++ {
			row := rowOf(group[rows[i]:rows[i+1]])
			if rows[i+1]-rows[i] > 1 && row.most.lo < row.most.hi {
				out = append(out, row)
			}
		}
		from = to
	}
	return out
}

func rowOf(beats []*signal) beatRun {
	r := beatRun{first: beats[0], last: beats[len(beats)-1], least: interval{lastMs, firstMs}, most: interval{lastMs, firstMs}}
	for _, s := range beats {
		r.least.lo, r.least.hi = minOf(r.least.lo, s.at.hi), maxOf(r.least.hi, s.at.lo)
		r.most = r.most.hull(s.at)
	}
	return r
}

// sortSignals puts signals in the order of evidence.
func sortSignals(signals []*signal) {
	sort.SliceStable(signals, func(i, j int) bool {
		if signals[i].at.lo != signals[j].at.lo {
			return signals[i].at.lo < signals[j].at.lo
		}
		return signals[i].id.before(signals[j].id)
	})
}
