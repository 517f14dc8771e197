package main

import (
	"math/bits"
	"sort"
)

// The clock of a log (section 11.1).

const (
	driftPpm       = 200
	million        = 1000000
	kernelErrorMs  = 1000
	receiptErrorMs = 1000
	neighbours     = 4
	codeAgeMs      = 60000
)

const (
	anchored      = "anchored"
	kernel        = "kernel"
	byCode        = "time_code"
	bounded       = "bounded"
	contradictory = "contradictory"
	reported      = "reported"
)

type segment struct {
	start         uint64
	boot          string
	first, last   uint64
	exchanges     []*clockBody
	codes         []*timeCode
	contradictory bool
	late          bool
}

type keptReceipt struct{ index, size, timeS uint64 }

// A floor is an instant before which nothing after an entry was made, by a time code.
type floor struct {
	index uint64
	at    int64
}

type history struct {
	segments []*segment
	receipts []keptReceipt
	floors   []floor
}

// A place is where an entry stands in time, and by what.
type place struct {
	at    interval
	basis string
	// The receipts that prove it from either side.
	notBefore, notAfter *keptReceipt
}

// readHistory takes the marks among the entries.
func readHistory(entries []entry) *history {
	h := &history{}
	for i := range entries {
		e, index := &entries[i], uint64(i)
		switch body := e.body.(type) {
		case *bootBody:
			h.mark(index, e.stamp, body.suspend)
		case *clockBody:
			if body.verified {
				h.mark(index, e.stamp, false).join(body)
			}
		case *timeCode:
			if body.mark {
				h.code(index, e.stamp, body)
			}
		case *receiptBody:
			if body.mark {
				h.mark(index, e.stamp, false).notBefore(e.stamp.rawMs, earliestOf(body.timeS))
				if n := len(h.receipts); n == 0 || h.receipts[n-1].size <= body.size {
					h.receipts = append(h.receipts, keptReceipt{index, body.size, body.timeS})
				}
			}
		}
	}
	return h
}

func (h *history) mark(index uint64, s stamp, suspend bool) *segment {
	n := len(h.segments)
	if n == 0 || suspend || h.segments[n-1].boot != s.boot {
		h.segments = append(h.segments, &segment{start: index, boot: s.boot, first: s.rawMs, last: s.rawMs})
		n++
	}
	seg := h.segments[n-1]
	if s.rawMs < seg.first {
		seg.first = s.rawMs
	}
	if s.rawMs > seg.last {
		seg.last = s.rawMs
	}
	return seg
}

func (h *history) code(index uint64, s stamp, c *timeCode) {
	c.raw = s.rawMs
	seg := h.mark(index, s, false)
	b, _, _ := h.bracket(index)
	seg.scanned(c, maxOf(b.lo, h.neighbours(len(h.segments)).lo))
	h.floors = append(h.floors, floor{index, held(c.at - int64(c.errorMs) - receiptErrorMs)})
	if n := len(h.floors); n > 1 {
		h.floors[n-1].at = maxOf(h.floors[n-1].at, h.floors[n-2].at)
	}
}

// drift is ceil(ms * 200 / 1000000).
func drift(ms uint64) uint64 {
	hi, lo := bits.Mul64(ms, driftPpm)
	lo, carry := bits.Add64(lo, million-1, 0)
	quotient, _ := bits.Div64(hi+carry, lo, million)
	return quotient
}

// says is what one exchange says of a raw reading. The sums are exact, and only then held between the ends.
func (c *clockBody) says(raw uint64) interval {
	from, to := between(c.recvRaw, raw), between(c.sentRaw, raw)
	return interval{
		farther(c.sent, from, -int64(drift(from.ms))-int64(c.errorMs)-1),
		farther(c.received, to, int64(drift(to.ms))+int64(c.errorMs)+2),
	}
}

// says is what a code says of a raw reading: its later end is the word of the staff who scanned it.
func (c *timeCode) says(raw uint64) interval {
	by := between(c.raw, raw)
	more := int64(drift(by.ms)) + int64(c.errorMs)
	return interval{farther(c.at, by, -more-1), farther(held(c.at+codeAgeMs), by, more+2)}
}

// around gives the up to four on each side of a place in a sorted list.
func around(at, length int) (from, to int) {
	from, to = at-neighbours, at+neighbours
	if from < 0 {
		from = 0
	}
	if to > length {
		to = length
	}
	return from, to
}

func (s *segment) nearExchanges(raw uint64) (near []*clockBody, at int) {
	at = sort.Search(len(s.exchanges), func(i int) bool { return s.exchanges[i].recvRaw > raw })
	from, to := around(at, len(s.exchanges))
	return s.exchanges[from:to], at
}

func (s *segment) nearCodes(raw uint64) (near []*timeCode, at int) {
	at = sort.Search(len(s.codes), func(i int) bool { return s.codes[i].raw > raw })
	from, to := around(at, len(s.codes))
	return s.codes[from:to], at
}

// notBefore takes the issuer's word that a reading was not before an instant: codes that say it was are late.
func (s *segment) notBefore(raw uint64, earliest int64) {
	codes, _ := s.nearCodes(raw)
	for _, c := range codes {
		s.late = s.late || c.says(raw).hi < earliest
	}
}

// join takes an exchange.
func (s *segment) join(c *clockBody) {
	raw := c.recvRaw
	own := c.says(raw)
	near, at := s.nearExchanges(raw)
	s.contradictory = s.contradictory || own.empty()
	for _, other := range near {
		s.contradictory = s.contradictory || own.cut(other.says(raw)).empty()
	}
	codes, _ := s.nearCodes(raw)
	for _, code := range codes {
		s.contradictory = s.contradictory || own.hi < code.says(raw).lo
	}
	s.notBefore(raw, own.lo)
	s.exchanges = append(s.exchanges, nil)
	copy(s.exchanges[at+1:], s.exchanges[at:])
	s.exchanges[at] = c
}

// scanned takes a code whose entry was made no earlier than known.
func (s *segment) scanned(c *timeCode, known int64) {
	own := c.says(c.raw)
	near, _ := s.nearExchanges(c.raw)
	for _, exchange := range near {
		said := exchange.says(c.raw)
		s.contradictory = s.contradictory || said.hi < own.lo
		known = maxOf(known, said.lo)
	}
	codes, at := s.nearCodes(c.raw)
	for _, other := range codes {
		known = maxOf(known, other.says(c.raw).lo)
	}
	s.late = s.late || own.hi < known
	s.notBefore(c.raw, own.lo)
	s.codes = append(s.codes, nil)
	copy(s.codes[at+1:], s.codes[at:])
	s.codes[at] = c
}

// says is what the exchanges say of a reading, and the codes of its earlier end.
func (s *segment) says(raw uint64) (said interval, agree bool) {
	near, _ := s.nearExchanges(raw)
	both, hull := near[0].says(raw), near[0].says(raw)
	for _, c := range near[1:] {
		said := c.says(raw)
		both, hull = both.cut(said), hull.hull(said)
	}
	codes, _ := s.nearCodes(raw)
	for _, c := range codes {
		notBefore := interval{c.says(raw).lo, lastMs}
		both, hull = both.cut(notBefore), hull.hull(notBefore)
	}
	if s.contradictory || both.empty() {
		return hull, false
	}
	return both, true
}

// codesSay is what the codes say of a reading; the later end counts where it is known.
func (s *segment) codesSay(raw uint64) (said interval, hiKnown bool) {
	said = always
	codes, _ := s.nearCodes(raw)
	for _, c := range codes {
		said = said.cut(c.says(raw))
	}
	return said, len(codes) > 0 && !s.late && !said.empty()
}

func receiptTime(timeS uint64) int64 {
	if timeS > uint64(lastMs)/1000 {
		return lastMs
	}
	return int64(timeS) * 1000
}

func earliestOf(timeS uint64) int64 { return held(receiptTime(timeS) - receiptErrorMs) }

// bracket is what receipts and codes prove; its ends may be unknown.
func (h *history) bracket(index uint64) (b interval, notBefore, notAfter *keptReceipt) {
	b = always
	at := sort.Search(len(h.receipts), func(i int) bool { return h.receipts[i].index >= index })
	if at > 0 {
		notBefore = &h.receipts[at-1]
		b.lo = earliestOf(notBefore.timeS)
	}
	at = sort.Search(len(h.floors), func(i int) bool { return h.floors[i].index >= index })
	if at > 0 {
		b.lo = maxOf(b.lo, h.floors[at-1].at)
	}
	at = sort.Search(len(h.receipts), func(i int) bool { return h.receipts[i].size > index })
	if at < len(h.receipts) {
		notAfter = &h.receipts[at]
		b.hi = held(receiptTime(notAfter.timeS) + 999 + receiptErrorMs)
	}
	return b, notBefore, notAfter
}

func (h *history) place(index uint64, s stamp) place {
	b, notBefore, notAfter := h.bracket(index)
	at, basis := h.within(index, s, b)
	return place{at, basis, notBefore, notAfter}
}

func (h *history) within(index uint64, s stamp, b interval) (interval, string) {
	// The segments begun at or below the entry are those before n.
	n := sort.Search(len(h.segments), func(i int) bool { return h.segments[i].start > index })
	var own *segment
	if n > 0 && h.segments[n-1].boot == s.boot {
		own = h.segments[n-1]
	}
	if own != nil && len(own.exchanges) > 0 {
		said, agree := own.says(s.rawMs)
		if both := said.cut(b); agree && !both.empty() {
			return both, anchored
		}
		return said.hull(b), contradictory
	}
	around := h.neighbours(n)
	both := around.cut(b)
	if both.empty() {
		return around.hull(b), contradictory
	}
	codes, hiKnown := always, false
	if own != nil {
		codes, hiKnown = own.codesSay(s.rawMs)
	}
	if codes.lo > both.hi {
		return both.hull(interval{codes.lo, lastMs}), contradictory
	}
	both.lo = maxOf(both.lo, codes.lo)
	return s.narrow(both, codes.hi, hiKnown)
}

// narrow takes the kernel's word and that of staff, as far as they fit the bounds.
func (s stamp) narrow(bounds interval, codeHi int64, codeKnown bool) (interval, string) {
	none := interval{1, 0}
	byKernel, byStaff := none, none
	if s.synced {
		e := s.errorMs
		if e < kernelErrorMs {
			e = kernelErrorMs
		}
		byKernel = bounds.cut(interval{later(s.wall, back(e)), later(s.wall, forward(e))})
	}
	if codeKnown {
		byStaff = bounds.cut(interval{firstMs, codeHi})
	}
	both := byKernel.cut(byStaff)
	switch {
	case byKernel.empty() && byStaff.empty():
		return bounds, bounded
	case byStaff.empty():
		return byKernel, kernel
	case byKernel.empty():
		return byStaff, byCode
	case both.empty():
		return byKernel.hull(byStaff), contradictory
	}
	return both, kernel
}

// neighbours is what the nearest segments with exchanges say, on both sides of the last of n.
func (h *history) neighbours(n int) interval {
	around := always
	for i := n - 2; i >= 0; i-- {
		if seg := h.segments[i]; len(seg.exchanges) > 0 {
			said, _ := seg.says(seg.last)
			around.lo = said.lo
			break
		}
	}
	for i := n; i < len(h.segments); i++ {
		if seg := h.segments[i]; len(seg.exchanges) > 0 {
			said, _ := seg.says(seg.first)
			around.hi = said.hi
			break
		}
	}
	return around
}

// tick is the raw clock of an entry, where a segment holds it.
func (h *history) tick(log string, index uint64, s stamp) *tick {
	n := sort.Search(len(h.segments), func(i int) bool { return h.segments[i].start > index })
	if n == 0 || h.segments[n-1].boot != s.boot {
		return nil
	}
	return &tick{log, n, s.rawMs}
}
