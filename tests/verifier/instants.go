package main

import (
	"fmt"
	"math"
	"time"
)

// The ends of time: instants are held between them, and they stand for "not known".
const (
	firstMs = int64(0)
	lastMs  = int64(253402300799999)
)

// parseInstant reads the one form of 24 bytes.
func parseInstant(text string) (int64, bool) {
	const form = "0000-00-00T00:00:00.000Z"
	if len(text) != len(form) {
		return 0, false
	}
	for i := range []byte(form) {
		if form[i] == '0' {
			if text[i] < '0' || text[i] > '9' {
				return 0, false
			}
		} else if text[i] != form[i] {
			return 0, false
		}
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", text)
	if err != nil {
		return 0, false
	}
	ms := at.UnixMilli()
	return ms, ms >= firstMs && ms <= lastMs
}

func instantText(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// A length of raw clock: up to 2^64 - 1 ms either way.
type length struct {
	back bool
	ms   uint64
}

func between(from, to uint64) length {
	if to >= from {
		return length{ms: to - from}
	}
	return length{back: true, ms: from - to}
}

func back(ms uint64) length    { return length{back: true, ms: ms} }
func forward(ms uint64) length { return length{ms: ms} }

// later is the instant that far away, held between the ends of time.
func later(at int64, by length) int64 {
	if by.ms > uint64(lastMs) {
		if by.back {
			return firstMs
		}
		return lastMs
	}
	if by.back {
		return held(at - int64(by.ms))
	}
	return held(at + int64(by.ms))
}

// farther is later by a length and then by some milliseconds, the sum held between the ends of time. No drift
// outweighs a length: beyond half of what the type holds the sign alone decides.
func farther(at int64, by length, more int64) int64 {
	if by.ms > math.MaxInt64/2 {
		return later(at, by)
	}
	if by.back {
		return held(at - int64(by.ms) + more)
	}
	return held(at + int64(by.ms) + more)
}

func held(ms int64) int64 {
	if ms < firstMs {
		return firstMs
	}
	if ms > lastMs {
		return lastMs
	}
	return ms
}

// An interval has both its ends; it is empty where hi < lo.
type interval struct{ lo, hi int64 }

var always = interval{firstMs, lastMs}

func exactly(ms int64) interval { return interval{ms, ms} }

func (a interval) empty() bool { return a.hi < a.lo }

func (a interval) cut(b interval) interval {
	return interval{maxOf(a.lo, b.lo), minOf(a.hi, b.hi)}
}

func (a interval) hull(b interval) interval {
	return interval{minOf(a.lo, b.lo), maxOf(a.hi, b.hi)}
}

func (a interval) String() string {
	return fmt.Sprintf("%s/%s", instantText(a.lo), instantText(a.hi))
}

func maxOf(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

func minOf(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
