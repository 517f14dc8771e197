package main

import "sort"

// The readings of a day (section 11.2): every way in which an attendee's signals may have followed each other.

const maxReadings = 1024

// A chance is a signal and where it can be: its pieces, each from one of these instants to before the next, or to `to`.
type chance struct {
	signal   signal
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

// A day holds the chances in told order, and those of each log by index.
type day struct {
	chances     []*chance
	logs        [][]*chance
	contradicts bool
}

func (q *question) day() *day {
	d := &day{}
	byLog := map[string][]*chance{}
	var names []string
	for _, s := range q.signals {
		if byLog[s.log] == nil {
			names = append(names, s.log)
		}
		byLog[s.log] = append(byLog[s.log], &chance{signal: s, to: s.at.hi})
	}
	sort.Strings(names)
	for _, name := range names {
		log := byLog[name]
		sort.SliceStable(log, func(i, j int) bool { return log[i].signal.index < log[j].signal.index })
		for i, c := range log {
			from := c.signal.at.lo
			if i > 0 {
				from = maxOf(from, log[i-1].from())
			}
			c.instants = []int64{from}
		}
		for i := len(log) - 1; i >= 0; i-- {
			if i+1 < len(log) {
				log[i].to = minOf(log[i].to, log[i+1].to)
			}
			d.contradicts = d.contradicts || log[i].to < log[i].from()
			q.cut(log[i])
		}
		d.logs = append(d.logs, log)
		d.chances = append(d.chances, log...)
	}
	sort.SliceStable(d.chances, func(i, j int) bool {
		a, b := d.chances[i], d.chances[j]
		switch {
		case a.from() != b.from():
			return a.from() < b.from()
		case a.signal.log != b.signal.log:
			return a.signal.log < b.signal.log
		}
		return a.signal.index < b.signal.index
	})
	return d
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
	for i := range q.sessions {
		s := &q.sessions[i]
		for _, room := range c.signal.rooms {
			if room == s.room {
				turn(s.start)
				turn(s.end)
				turn(s.window.lo)
				turn(s.window.hi)
			}
		}
	}
	if r := q.registration; r != nil {
		if r.from != nil {
			turn(*r.from)
		}
		if r.until != nil {
			turn(*r.until)
		}
	}
	sort.Slice(c.instants, func(i, j int) bool { return c.instants[i] < c.instants[j] })
}

// put gives a signal an instant, and the room named first there.
func (q *question) put(s signal, instant int64) signal {
	s.instant = instant
	if on := q.roomsOn(&s); len(on) > 0 && len(s.rooms) > 1 {
		s.room = on[0]
	} else if len(s.rooms) > 0 {
		s.room = s.rooms[0]
	}
	return s
}

// roomsOn are those of a signal's rooms where a session is on at its instant.
func (q *question) roomsOn(s *signal) (on []string) {
	for _, room := range s.rooms {
		for i := range q.sessions {
			if at := &q.sessions[i]; at.room == room && at.start <= s.instant && s.instant < at.end {
				on = append(on, room)
				break
			}
		}
	}
	return on
}

func (q *question) told(d *day) []signal {
	var out []signal
	for _, c := range d.chances {
		out = append(out, q.put(c.signal, c.from()))
	}
	return out
}

// everyTime asks about each order and all instants; false as soon as one is answered so, and where there is none.
func (q *question) everyTime(d *day, ask func([]signal) bool) bool {
	if d.contradicts {
		return false
	}
	next := make([]int, len(d.logs))
	reading := make([]signal, 0, len(d.chances))
	var step func(reached int64) bool
	step = func(reached int64) bool {
		if len(reading) == len(d.chances) {
			return ask(reading)
		}
		for l, log := range d.logs {
			if next[l] == len(log) {
				continue
			}
			c := log[next[l]]
			for i, instant := range c.instants {
				now := maxOf(reached, instant)
				if now > c.pieceEnd(i) || !d.canFollow(next, now) {
					continue
				}
				next[l]++
				reading = append(reading, q.put(c.signal, instant))
				ok := step(now)
				reading = reading[:len(reading)-1]
				next[l]--
				if !ok {
					return false
				}
			}
		}
		return true
	}
	return step(firstMs)
}

// canFollow is whether nothing that is left must have been before.
func (d *day) canFollow(next []int, reached int64) bool {
	for l, log := range d.logs {
		if next[l] < len(log) && log[next[l]].to < reached {
			return false
		}
	}
	return true
}

// everyReading asks about the other directions and rooms of registered signals as well.
func (q *question) everyReading(d *day, ask func([]signal) bool) bool {
	tried := 0
	return q.everyTime(d, func(told []signal) bool {
		reading := append([]signal(nil), told...)
		var choose func(i int) bool
		choose = func(i int) bool {
			if i == len(reading) {
				tried++
				return tried <= maxReadings && ask(reading)
			}
			was := reading[i]
			defer func() { reading[i] = was }()
			for _, other := range q.others(was) {
				reading[i] = other
				if !choose(i + 1) {
					return false
				}
			}
			return true
		}
		return choose(0)
	})
}

func (q *question) others(s signal) []signal {
	ways := []string{s.direction}
	if s.toggled && len(s.rooms) > 0 {
		switch s.direction {
		case "in":
			ways = append(ways, "out")
		case "out":
			ways = append(ways, "in")
		}
	}
	rooms := []string{s.room}
	if len(s.rooms) > 1 && len(q.roomsOn(&s)) > 1 {
		rooms = s.rooms
	}
	if !q.registers(&s) {
		return []signal{s}
	}
	var out []signal
	for _, way := range ways {
		for _, room := range rooms {
			other := s
			other.direction, other.room = way, room
			out = append(out, other)
		}
	}
	return out
}

func (q *question) registers(s *signal) bool {
	return q.registration != nil && q.registration.holds(s.instant)
}

func (q *question) registered(reading []signal) []signal {
	var out []signal
	for i := range reading {
		if q.registers(&reading[i]) {
			out = append(out, reading[i])
		}
	}
	return out
}
