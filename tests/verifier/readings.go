package main

import "sort"

// The readings of a day (section 11.2): every way in which an attendee's signals may have followed each other.

const maxReadings = 1024

// A chance is a crossing and where it can be: its pieces, each from one of these instants to before the next, or to `to`.
type chance struct {
	signal   *signal
	spots    []spot
	instants []int64
	to       int64
}

func (c *chance) from() int64 { return c.instants[0] }

func (c *chance) pieceEnd(i int) int64 {
	if i+1 < len(c.instants) {
		return c.instants[i+1] - 1
	}
	return c.to
}

// A stream holds the chances in told order, and those of each log that are in order among themselves.
type stream struct {
	platform    bool
	chances     []*chance
	logs        [][]*chance
	contradicts bool
}

// A step is a crossing as a reading has it.
type step struct {
	*signal
	instant   int64
	direction string
	spot      spot
	spots     []spot
}

// A reading of the day has the steps of each stream.
type reading [][]step

// A day holds all that counts of an attendee.
type day struct {
	streams      []*stream
	beats, polls []beat
	runs         []beatRun
	words        map[string]word
	contradicts  bool
}

// chances gives a stream's crossings their pieces, and puts them in order.
func (q *question) chances(s *stream) {
	byLog := map[string][]*chance{}
	var names []string
	for _, c := range s.chances {
		if c.signal.id.row >= 0 {
			s.logs = append(s.logs, []*chance{c})
			continue
		}
		name := c.signal.id.log
		if byLog[name] == nil {
			names = append(names, name)
		}
		byLog[name] = append(byLog[name], c)
	}
	for _, name := range names {
		s.logs = append(s.logs, byLog[name])
	}
	for _, log := range s.logs {
		sort.SliceStable(log, func(i, j int) bool { return log[i].signal.id.before(log[j].signal.id) })
		for i, c := range log {
			from := c.signal.at.lo
			if i > 0 {
				from = maxOf(from, log[i-1].from())
			}
			c.instants, c.to = []int64{from}, c.signal.at.hi
		}
		for i := len(log) - 1; i >= 0; i-- {
			if i+1 < len(log) {
				log[i].to = minOf(log[i].to, log[i+1].to)
			}
			s.contradicts = s.contradicts || log[i].to < log[i].from()
			q.cut(log[i])
		}
	}
	sort.SliceStable(s.chances, func(i, j int) bool {
		a, b := s.chances[i], s.chances[j]
		if a.from() != b.from() {
			return a.from() < b.from()
		}
		return a.signal.id.before(b.signal.id)
	})
}

// cut adds the instants that cut a chance into pieces.
func (q *question) cut(c *chance) {
	known := map[int64]bool{c.from(): true}
	turn := func(at int64) {
		if at > c.from() && at <= c.to && !known[at] {
			known[at] = true
			c.instants = append(c.instants, at)
		}
	}
	for _, at := range c.spots {
		for _, s := range q.served(at) {
			turn(s.window.lo)
			turn(s.window.hi)
		}
		for _, s := range q.listed {
			if !at.session && s.room == at.id {
				turn(s.start)
				turn(s.end)
			}
		}
	}
	sort.Slice(c.instants, func(i, j int) bool { return c.instants[i] < c.instants[j] })
}

// put gives a crossing an instant, its own direction and the room named first there.
func (q *question) put(c *chance, instant int64) step {
	s := step{c.signal, instant, c.signal.kind, c.spots[0], c.spots}
	if on := q.spotsOn(&s); len(on) > 0 {
		s.spot = on[0]
	}
	return s
}

// spotsOn are those of a crossing's rooms where a session is on at its instant.
func (q *question) spotsOn(s *step) (on []spot) {
	for _, at := range s.spots {
		for _, session := range q.listed {
			if !at.session && session.room == at.id && session.start <= s.instant && s.instant < session.end {
				on = append(on, at)
				break
			}
		}
	}
	return on
}

func (q *question) told(d *day) reading {
	var out reading
	for _, s := range d.streams {
		steps := []step{}
		for _, c := range s.chances {
			steps = append(steps, q.put(c, c.from()))
		}
		out = append(out, steps)
	}
	return out
}

// times are the readings of a stream with directions as told and rooms as named first; one too many stands for all others.
func (q *question) times(s *stream) [][]step {
	var out [][]step
	next := make([]int, len(s.logs))
	steps := make([]step, 0, len(s.chances))
	var extend func(reached int64) bool
	extend = func(reached int64) bool {
		if len(steps) == len(s.chances) {
			out = append(out, append([]step(nil), steps...))
			return len(out) <= maxReadings
		}
		for l, log := range s.logs {
			if next[l] == len(log) {
				continue
			}
			c := log[next[l]]
			for i, instant := range c.instants {
				now := maxOf(reached, instant)
				if now > c.pieceEnd(i) || !s.canFollow(next, now) {
					continue
				}
				next[l]++
				steps = append(steps, q.put(c, instant))
				more := extend(now)
				steps = steps[:len(steps)-1]
				next[l]--
				if !more {
					return false
				}
			}
		}
		return true
	}
	extend(firstMs)
	return out
}

// canFollow is whether nothing that is left must have been before.
func (s *stream) canFollow(next []int, reached int64) bool {
	for l, log := range s.logs {
		if next[l] < len(log) && log[next[l]].to < reached {
			return false
		}
	}
	return true
}

// ways are the readings of a stream with all directions and rooms; one too many stands for all others.
func (q *question) ways(times [][]step) [][]step {
	var out [][]step
	for _, told := range times {
		steps := append([]step(nil), told...)
		var choose func(i int) bool
		choose = func(i int) bool {
			if i == len(steps) {
				out = append(out, append([]step(nil), steps...))
				return len(out) <= maxReadings
			}
			was := steps[i]
			defer func() { steps[i] = was }()
			for _, other := range q.others(was) {
				steps[i] = other
				if !choose(i + 1) {
					return false
				}
			}
			return true
		}
		if !choose(0) {
			break
		}
	}
	return out
}

// others are a step in all its directions and rooms, itself first.
func (q *question) others(s step) []step {
	directions, spots := []string{s.direction}, []spot{s.spot}
	if s.toggled {
		switch s.direction {
		case "in":
			directions = append(directions, "out")
		case "out":
			directions = append(directions, "in")
		}
	}
	if len(q.spotsOn(&s)) > 1 {
		spots = s.spots
	}
	var out []step
	for _, direction := range directions {
		for _, at := range spots {
			other := s
			other.direction, other.spot = direction, at
			out = append(out, other)
		}
	}
	return out
}

// each shows every reading of the day, or says false where there are too many.
func each(streams [][][]step, show func(reading)) bool {
	count := 1
	for _, ways := range streams {
		if count *= len(ways); count > maxReadings {
			return false
		}
	}
	day := make(reading, len(streams))
	var choose func(i int)
	choose = func(i int) {
		if i == len(streams) {
			show(append(reading(nil), day...))
			return
		}
		for _, way := range streams[i] {
			day[i] = way
			choose(i + 1)
		}
	}
	choose(0)
	return true
}
