package main

import (
	"errors"
	"fmt"
	"math/big"
	"unicode/utf8"
)

// Rule sets (section 10).

const (
	maxRules  = 64 << 10
	maxName   = 100
	maxKind   = 64
	maxRows   = 64
	minuteMs  = 60000
	secondMs  = 1000
	maxGraceS = 1<<32 - 1
)

// A speakers' rule: what they are awarded of a session, and whether absent as well.
type speakers struct {
	factor int64
	absent bool
}

type rules struct {
	name            string
	unitMs          int64
	share           int64
	minutesMs       int64
	full            bool
	graceIn         int64
	graceOut        int64
	step            int64
	nearest         bool
	perSession      bool
	shortSegment    int64
	firstAward      int64
	metScheduled    bool
	belowActual     bool
	actualWindows   bool
	missingOut      string
	missingIn       string
	repeatedLast    bool
	closesPrevious  bool
	sources         []string
	heartbeatGap    int64
	excludedKinds   []string
	countOnce       bool
	byValue         bool
	floors          map[string]int64
	perField        bool
	capFields       map[string]int64
	capDay          int64
	capProgramme    int64
	pollsPerCredit  int64
	pollMinShare    int64
	pollShort       string
	platformAlone   string
	denialOverrides bool
	speakers        *speakers
}

func parseRules(data []byte) (*rules, error) {
	if len(data) > maxRules || !utf8.Valid(data) {
		return nil, errors.New("a rule set is UTF-8 of at most 64 KiB")
	}
	root, err := parseTOML(string(data))
	if err != nil {
		return nil, err
	}
	t := &tableReader{table: root.table}
	r := &rules{name: t.text("name", nil)}
	if t.text("format", nil) != "rollcall-rules/1" {
		t.fail("format")
	}
	if len(r.name) < 1 || len(r.name) > maxName {
		t.fail("name")
	}
	t.sourced()
	none := ""
	t.text("jurisdiction", &none)
	t.credits(r)
	t.presence(r)
	t.counting(r)
	t.cites()
	t.rest()
	return r, t.err
}

// sourced takes where a rule comes from.
func (t *tableReader) sourced() {
	none := ""
	t.text("source", &none)
	t.text("read_on", &none)
	if v := t.get("primary_source"); v != nil && (v.truth == nil || t.table["source"] == nil) {
		t.fail("primary_source")
	}
}

func (t *tableReader) credits(r *rules) {
	r.unitMs = t.exactlyOne(t.span("minutes_per_credit", minuteMs), t.span("seconds_per_credit", secondMs))
	t.threshold(r)
	r.step = t.decimal("step", nil)
	if r.step <= 0 {
		t.fail("step")
	}
	zero := "0"
	r.firstAward = t.decimal("first_award_min", &zero)
	if r.firstAward < 0 {
		t.fail("first_award_min")
	}
	r.nearest = t.word("rounding", "down", "nearest") == "nearest"
	r.perSession = t.word("scope", "programme", "session") == "session"
	r.byValue = t.word("credit_source", "minutes", "value") == "value"
	r.metScheduled = t.word("met_awards", "actual", "scheduled") == "scheduled"
	r.belowActual = t.word("below_threshold", "none", "actual") == "actual"
	r.shortSegment = t.span("short_segment_under_min", minuteMs)
	t.only("short_segment_under_min", r.perSession)
	t.only("met_awards", !r.byValue)
	if r.byValue && r.belowActual {
		t.fail("below_threshold")
	}
}

func (t *tableReader) presence(r *rules) {
	r.graceIn, r.graceOut = t.seconds("grace_in_s"), t.seconds("grace_out_s")
	r.actualWindows = t.word("windows", "scheduled", "actual") == "actual"
	r.missingOut = t.word("missing_check_out", "review", "session_end", "last_signal", "none")
	r.missingIn = t.word("missing_check_in", "review", "session_start", "first_signal", "none")
	r.repeatedLast = t.word("repeated_out", "first", "last") == "last"
	r.closesPrevious = t.word("in_elsewhere", "closes_previous", "independent") == "closes_previous"
	r.heartbeatGap = t.seconds("heartbeat_max_gap_s")
	r.countOnce = t.word("overlap", "count_each", "count_once") == "count_once"
	r.denialOverrides = t.word("denial", "overrides", "review") == "overrides"
	r.sources = sourceWords
	if t.table["sources"] != nil {
		r.sources = t.texts("sources")
		for i, source := range r.sources {
			if !oneOf(source, sourceWords) || oneOf(source, r.sources[:i]) {
				t.fail("sources")
			}
		}
		if len(r.sources) == 0 {
			t.fail("sources")
		}
	}
	t.known = append(t.known, "sources")
}

func (t *tableReader) counting(r *rules) {
	r.floors = t.decimals("floor_credits")
	if t.table["excluded_kinds"] != nil {
		r.excludedKinds = t.texts("excluded_kinds")
	}
	t.known = append(t.known, "excluded_kinds")
	if len(r.excludedKinds) > maxRows {
		t.fail("excluded_kinds")
	}
	for _, kind := range r.excludedKinds {
		if _, has := r.floors[kind]; has || len(kind) < 1 || len(kind) > maxKind {
			t.fail("excluded_kinds")
		}
	}
	r.perField = t.word("field_rounding", "largest_remainder", "per_field") == "per_field"
	if v := t.get("caps"); v != nil {
		in := t.inner("caps", v)
		r.capFields, r.capDay, r.capProgramme = in.decimals("fields"), in.above("day"), in.above("programme")
		t.close("caps", in)
	}
	platform := oneOf(bySource, r.sources)
	r.pollsPerCredit, r.pollMinShare = t.above("polls_per_credit"), t.above("poll_min_share")
	if r.pollMinShare > million {
		t.fail("poll_min_share")
	}
	r.pollShort = t.word("poll_short", "none", "review", "reduce")
	r.platformAlone = t.word("platform_alone", "counts", "none", "review")
	for _, key := range []string{"polls_per_credit", "poll_min_share", "platform_alone"} {
		t.only(key, platform)
	}
	t.only("poll_short", r.pollsPerCredit+r.pollMinShare > 0)
	if v := t.get("speakers"); v != nil {
		in := t.inner("speakers", v)
		if in.table["factor"] == nil {
			in.fail("factor")
		}
		r.speakers = &speakers{in.above("factor"), in.word("presence", "needed", "not_needed") == "not_needed"}
		t.close("speakers", in)
	}
}

// cites takes citations.
func (t *tableReader) cites() {
	v := t.get("cites")
	if v == nil {
		return
	}
	if !v.isList || len(v.list) > maxRows {
		t.fail("cites")
	}
	for _, cite := range v.list {
		in := t.inner("cites", cite)
		if in.table["source"] == nil {
			in.fail("source")
		}
		for _, key := range in.texts("keys") {
			if !oneOf(key, t.known) {
				in.fail("keys")
			}
		}
		in.sourced()
		t.close("cites", in)
	}
}

// inner reads a table within.
func (t *tableReader) inner(key string, v *tomlValue) *tableReader {
	if v.table == nil {
		t.fail(key)
	}
	return &tableReader{table: v.table}
}

func (t *tableReader) close(key string, in *tableReader) {
	in.rest()
	if in.err != nil {
		t.fail(key)
	}
}

// only refuses a key where it has no meaning.
func (t *tableReader) only(key string, holds bool) {
	if t.table[key] != nil && !holds {
		t.fail(key)
	}
}

// texts is a list of texts.
func (t *tableReader) texts(key string) []string {
	v := t.get(key)
	if v == nil || !v.isList {
		t.fail(key)
		return nil
	}
	var out []string
	for _, one := range v.list {
		if one.text == nil {
			t.fail(key)
			return nil
		}
		out = append(out, *one.text)
	}
	return out
}

// above is a decimal above 0; 0 where the key is not there.
func (t *tableReader) above(key string) int64 {
	if t.get(key) == nil {
		return 0
	}
	n := t.decimal(key, nil)
	if n <= 0 {
		t.fail(key)
		return 1
	}
	return n
}

// decimals is a table of decimals above 0.
func (t *tableReader) decimals(key string) map[string]int64 {
	out := map[string]int64{}
	v := t.get(key)
	if v == nil {
		return out
	}
	in := t.inner(key, v)
	for name := range v.table {
		out[name] = in.above(name)
	}
	t.close(key, in)
	if len(out) > maxRows {
		t.fail(key)
	}
	return out
}

type tableReader struct {
	table map[string]*tomlValue
	known []string
	err   error
}

func (t *tableReader) fail(key string) {
	if t.err == nil {
		t.err = fmt.Errorf("rule set: %q is not as it must be", key)
	}
}

func (t *tableReader) get(key string) *tomlValue {
	t.known = append(t.known, key)
	return t.table[key]
}

func (t *tableReader) rest() {
	for key := range t.table {
		if !oneOf(key, t.known) {
			t.fail(key)
		}
	}
}

func (t *tableReader) text(key string, unless *string) string {
	v := t.get(key)
	if v == nil && unless != nil {
		return *unless
	}
	if v == nil || v.text == nil {
		t.fail(key)
		return ""
	}
	return *v.text
}

// word takes one of the words; the first is the default.
func (t *tableReader) word(key string, words ...string) string {
	word := t.text(key, &words[0])
	if !oneOf(word, words) {
		t.fail(key)
	}
	return word
}

func (t *tableReader) decimal(key string, unless *string) int64 {
	n, ok := parseDecimal(t.text(key, unless))
	if !ok {
		t.fail(key)
	}
	return n
}

// span is a decimal above 0 that comes to whole milliseconds; 0 where the key is not there.
func (t *tableReader) span(key string, unitMs int64) int64 {
	if t.table[key] == nil {
		t.known = append(t.known, key)
		return 0
	}
	n := t.decimal(key, nil)
	ms := new(big.Int).Mul(big.NewInt(n), big.NewInt(unitMs))
	ms, part := ms.DivMod(ms, big.NewInt(million), new(big.Int))
	if n <= 0 || part.Sign() != 0 || !ms.IsInt64() {
		t.fail(key)
		return 1
	}
	return ms.Int64()
}

func (t *tableReader) exactlyOne(a, b int64) int64 {
	if (a == 0) == (b == 0) {
		t.fail("minutes_per_credit")
	}
	return a + b
}

func (t *tableReader) seconds(key string) int64 {
	v := t.get(key)
	if v == nil {
		return 0
	}
	if v.number == nil || *v.number < 0 || *v.number > maxGraceS {
		t.fail(key)
		return 0
	}
	return *v.number * secondMs
}

func (t *tableReader) threshold(r *rules) {
	v := t.get("threshold")
	if v == nil {
		return
	}
	if v.table == nil || len(v.table) != 1 {
		t.fail("threshold")
		return
	}
	in := tableReader{table: v.table}
	for key, v := range v.table {
		switch key {
		case "share":
			r.share = in.decimal(key, nil)
			if r.share <= 0 || r.share > million {
				in.fail(key)
			}
		case "minutes":
			r.minutesMs = in.span(key, minuteMs)
		case "full":
			r.full = true
			if v.truth == nil || !*v.truth {
				in.fail(key)
			}
		default:
			in.fail(key)
		}
	}
	if in.err != nil {
		t.fail("threshold")
	}
}
