package main

// Stays (section 11.3): where a reading has somebody come and go.

const (
	closedBefore = "closes_previous"
	stillInside  = "still_inside"
)

type stayEnd struct {
	at       interval
	inferred string
	signal   *signal
}

// A stay as the streams have it; a missing end is nil. The steps of its stream stand in order.
type stay struct {
	spot       spot
	source     string
	start, end *stayEnd
	// Where in its stream it begins and ends; -1 where it does not.
	stream   int
	from, to int
	// Without a beginning: the number of the check-in that it cannot have begun before, and the whole that was left; -1 without.
	checkIn int
	whole   spot
	// Ended, and no later check-out says more.
	fixed bool
}

// What a reading says: its steps, and the stays that come of them.
type presence struct {
	reading reading
	stays   []*stay
}

func (q *question) presence(r reading, streams []*stream) *presence {
	p := &presence{reading: r}
	for i, steps := range r {
		w := walk{q: q, p: p, stream: i, platform: streams[i].platform, open: map[spot]*stay{}, ended: map[spot]*stay{}}
		for n := range steps {
			w.step(n, &steps[n])
		}
	}
	return p
}

// A walk goes through one stream.
type walk struct {
	q           *question
	p           *presence
	stream      int
	platform    bool
	open, ended map[spot]*stay
}

func (w *walk) step(n int, s *step) {
	here := &stayEnd{at: s.at, signal: s.signal}
	switch s.direction {
	case "in":
		if w.q.rules.closesPrevious && !w.platform {
			for other, stay := range w.open {
				if !w.q.related(other, s.spot) {
					stay.end, stay.to = &stayEnd{at: s.at, inferred: closedBefore, signal: s.signal}, n
					delete(w.open, other)
				}
			}
			for other, stay := range w.ended {
				stay.fixed = stay.fixed || !w.q.related(other, s.spot)
			}
		}
		if w.open[s.spot] == nil {
			w.begin(s.spot, &stay{spot: s.spot, source: s.source, start: here, stream: w.stream, from: n, to: -1, checkIn: -1})
		}
		for other := range w.ended {
			if w.q.related(other, s.spot) {
				delete(w.ended, other)
			}
		}
	case "out":
		w.leave(n, s, here)
	}
}

func (w *walk) leave(n int, s *step, here *stayEnd) {
	left := &stay{spot: s.spot, source: s.source, end: here, stream: w.stream, from: -1, to: n, checkIn: -1}
	wasHere := false
	for other, open := range w.open {
		if !w.q.related(other, s.spot) {
			continue
		}
		if other == s.spot || w.q.isPartOf(other, s.spot) {
			wasHere = true
		} else {
			if left.checkIn < 0 || w.q.isPartOf(other, left.whole) {
				left.whole = other
			}
			left.checkIn = int(maxOf(int64(left.checkIn), int64(open.from)))
		}
		w.finish(other, here, n)
	}
	if wasHere || left.checkIn < 0 && w.repeats(n, s, here) {
		return
	}
	w.ended[s.spot] = left
	w.p.stays = append(w.p.stays, left)
}

// repeats is whether they had left before; by the rules the ends that were set last may move here.
func (w *walk) repeats(n int, s *step, here *stayEnd) bool {
	last := -1
	for other, ended := range w.ended {
		if w.q.related(other, s.spot) {
			last = int(maxOf(int64(last), int64(ended.to)))
		}
	}
	for other, ended := range w.ended {
		if w.q.rules.repeatedLast && w.q.related(other, s.spot) && ended.to == last && !ended.fixed {
			ended.end, ended.to = here, n
		}
	}
	return last >= 0
}

func (w *walk) begin(at spot, s *stay) {
	w.open[at] = s
	w.p.stays = append(w.p.stays, s)
}

func (w *walk) finish(at spot, end *stayEnd, n int) {
	w.open[at].end, w.open[at].to = end, n
	w.ended[at] = w.open[at]
	delete(w.open, at)
}

// related is whether one place is part of the other, or they are one.
func (q *question) related(a, b spot) bool {
	return a == b || q.isPartOf(a, b) || q.isPartOf(b, a)
}

// isPartOf is whether a room is part of another, directly or through others.
func (q *question) isPartOf(a, whole spot) bool {
	if a.session || whole.session {
		return false
	}
	seen := map[string]bool{a.id: true}
	for at := q.partOf[a.id]; at != "" && !seen[at]; at = q.partOf[at] {
		if at == whole.id {
			return true
		}
		seen[at] = true
	}
	return false
}

// served are the sessions that a place serves, in their order.
func (q *question) served(at spot) []*session {
	if known, is := q.serves[at]; is {
		return known
	}
	var out []*session
	for _, s := range q.sessions {
		room := inRoom(s.room)
		if at.session && s.id == at.id || !at.session && (at == room || q.isPartOf(at, room)) {
			out = append(out, s)
		}
	}
	q.serves[at] = out
	return out
}
