package main

import (
	"math/big"
	"sort"
)

// Credits (section 11.5). A weight is in millionths of a credit times the ms of one credit; credits are in millionths.

type credits = *big.Int

var (
	maxWeight  = new(big.Int).Lsh(big.NewInt(1), 120)
	maxCredits = new(big.Int).SetUint64(1<<63 - 1)
	one        = big.NewInt(1)
)

func times(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }

func product(factors ...*big.Int) *big.Int {
	out := big.NewInt(1)
	for _, factor := range factors {
		out.Mul(out, factor)
	}
	return out
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func sum(all []*big.Int, cap *big.Int) *big.Int {
	out := new(big.Int)
	for _, n := range all {
		out = smaller(out.Add(out, n), cap)
	}
	return new(big.Int).Set(out)
}

func ceilDiv(a, b *big.Int) *big.Int {
	quotient, rest := new(big.Int).DivMod(a, b, new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, one)
	}
	return quotient
}

func sameAll(a, b []*big.Int) bool {
	for i := range a {
		if a[i].Cmp(b[i]) != 0 {
			return false
		}
	}
	return true
}

func (q *question) meets(ms, scheduled int64) bool {
	if ms <= 0 {
		return false
	}
	switch {
	case q.rules.share > 0:
		return times(ms, million).Cmp(times(scheduled, q.rules.share)) >= 0
	case q.rules.minutesMs > 0:
		return ms >= q.rules.minutesMs
	case q.rules.full:
		return ms >= scheduled
	}
	return true
}

// steps is how many steps of the grid a weight comes to, whatever the least award.
func (q *question) steps(weight *big.Int) *big.Int {
	grid := times(q.rules.unitMs, q.rules.step)
	if !q.rules.nearest {
		return new(big.Int).Div(weight, grid)
	}
	twice := new(big.Int).Lsh(weight, 1)
	return twice.Div(twice.Add(twice, grid), new(big.Int).Lsh(grid, 1))
}

func (q *question) onSteps(weight *big.Int) credits {
	steps := q.steps(weight)
	return smaller(steps.Mul(steps, big.NewInt(q.rules.step)), maxCredits)
}

func (q *question) reachesAward(weight *big.Int) bool {
	return weight.Cmp(times(q.rules.unitMs, q.rules.firstAward)) >= 0
}

func (q *question) onGrid(weight *big.Int) credits {
	if !q.reachesAward(weight) {
		return new(big.Int)
	}
	return q.onSteps(weight)
}

// ---- cells ----

// A cell is a day and a field of study.
type cell struct{ day, field string }

func (q *question) dayOf(s *session) string {
	if q.rules.capDay == 0 {
		return ""
	}
	return s.day
}

// sharesOf are a session's cells and how much of it belongs to each.
func (q *question) sharesOf(s *session) map[cell]int64 {
	shares := map[cell]int64{}
	for _, f := range s.fields {
		shares[cell{q.dayOf(s), f.field}] += f.weight
	}
	if len(shares) == 0 {
		shares[cell{q.dayOf(s), ""}] = 1
	}
	return shares
}

func (q *question) cells() []cell {
	known := map[cell]bool{}
	var out []cell
	for _, s := range q.sessions {
		for c := range q.sharesOf(s) {
			if !known[c] {
				known[c] = true
				out = append(out, c)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].day != out[j].day {
			return out[i].day < out[j].day
		}
		return out[i].field < out[j].field
	})
	return out
}

// deal gives n out by weights.
func deal(n *big.Int, weights []*big.Int) []*big.Int {
	whole := new(big.Int)
	for _, weight := range weights {
		whole.Add(whole, weight)
	}
	out, rests := make([]*big.Int, len(weights)), make([]*big.Int, len(weights))
	left := new(big.Int).Set(n)
	order := make([]int, len(weights))
	for i, weight := range weights {
		out[i], rests[i], order[i] = new(big.Int), new(big.Int), i
		if whole.Sign() > 0 {
			out[i].DivMod(product(n, weight), whole, rests[i])
			left.Sub(left, out[i])
		}
	}
	if whole.Sign() == 0 {
		return out
	}
	sort.SliceStable(order, func(i, j int) bool { return rests[order[i]].Cmp(rests[order[j]]) > 0 })
	for _, i := range order {
		if left.Sign() > 0 {
			out[i].Add(out[i], one)
			left.Sub(left, one)
		}
	}
	return out
}

// ---- sides ----

type engagement struct{ answered, needed *big.Int }

// A unit is some sessions whose credits are rounded together, as one side has it.
type unit struct {
	weights     []*big.Int // by session; nil of those of other units
	first       []*big.Int // the same before polls
	sum         *big.Int
	answered    int64
	short, bare bool
	cells       []*big.Int // weights
	credits     credits
}

type side struct {
	units             []*unit
	cells             []credits
	beforeCaps, total credits
	capped            bool
	engagement        *engagement
}

const (
	onLeast = iota
	onMost
	onFull
)

func (p *part) time(which int) int64 { return [...]int64{p.least, p.most, p.full}[which] }

func (p *part) isAlone(which int) bool {
	return which == onLeast && p.aloneLeast || which == onMost && p.aloneMost
}

// award is the weight that a session has.
func (q *question) award(p *part, which int, h repairs) *big.Int {
	t, s, u := p.time(which), p.session, big.NewInt(q.rules.unitMs)
	whole := times(p.scheduled, million)
	if q.rules.byValue && s.value != nil {
		whole = product(big.NewInt(*s.value), u)
	}
	weight := new(big.Int)
	if t > 0 {
		met := q.meets(t, p.scheduled)
		switch {
		case met && (q.rules.byValue || q.rules.metScheduled):
			weight = whole
		case met && !q.rules.byValue || q.rules.belowActual:
			weight = times(t, million)
		}
		if floor, has := q.rules.floors[s.kind]; has {
			weight = greater(weight, product(big.NewInt(floor), u))
		}
	}
	if q.speaks(p, which, h) && (t > 0 || q.rules.speakers.absent) {
		factor := product(whole, big.NewInt(q.rules.speakers.factor))
		weight = greater(weight, factor.Div(factor, big.NewInt(million)))
	}
	return smaller(weight, maxWeight)
}

func (q *question) speaks(p *part, which int, h repairs) bool {
	r := q.registrationUnder(h)
	if q.rules.speakers == nil || r == nil || r.cancelled || !oneOf(p.session.id, r.speaks) {
		return false
	}
	switch which {
	case onLeast:
		return !p.word.denied && !p.word.disputed
	case onMost:
		return !p.word.denied || !q.rules.denialOverrides
	}
	return true
}

// unitsOf puts the sessions into units, by their numbers.
func (q *question) unitsOf(parts []*part) [][]int {
	var units [][]int
	var together []int
	if !q.rules.perSession {
		for i := range parts {
			together = append(together, i)
		}
		return [][]int{together}
	}
	for i, p := range parts {
		if p.scheduled < q.rules.shortSegment {
			together = append(together, i)
		} else {
			units = append(units, []int{i})
		}
	}
	if together != nil {
		units = append(units, together)
	}
	return units
}

func (q *question) asksPolls() bool {
	return q.rules.pollsPerCredit > 0 || q.rules.pollMinShare > 0 || q.rules.platformAlone != "counts"
}

func (q *question) side(parts []*part, which int, h repairs) *side {
	cells := q.cells()
	out := &side{total: new(big.Int)}
	for range cells {
		out.cells = append(out.cells, new(big.Int))
	}
	for _, numbers := range q.unitsOf(parts) {
		u := &unit{weights: make([]*big.Int, len(parts)), first: make([]*big.Int, len(parts))}
		var weights []*big.Int
		for _, i := range numbers {
			weight := q.award(parts[i], which, h)
			u.weights[i], u.first[i] = weight, weight
			weights = append(weights, weight)
		}
		u.sum = sum(weights, maxWeight)
		if which != onFull && q.asksPolls() {
			out.ask(u, q.polls(u, numbers, parts, which, h))
		}
		q.settleUnit(u, parts, cells)
		for i, given := range q.given(u, cells) {
			out.cells[i] = smaller(given.Add(given, out.cells[i]), maxCredits)
		}
		out.units = append(out.units, u)
	}
	out.total = sum(out.cells, maxCredits)
	out.beforeCaps = out.total
	if which != onFull {
		q.cap(out, cells)
	}
	return out
}

func (s *side) ask(u *unit, needed *big.Int) {
	if needed.Sign() == 0 {
		return
	}
	if s.engagement == nil {
		s.engagement = &engagement{new(big.Int), new(big.Int)}
	}
	s.engagement.answered.Add(s.engagement.answered, big.NewInt(u.answered))
	s.engagement.needed.Add(s.engagement.needed, needed)
}

// settleUnit deals a unit's weights out to cells and rounds its sum.
func (q *question) settleUnit(u *unit, parts []*part, cells []cell) {
	for range cells {
		u.cells = append(u.cells, new(big.Int))
	}
	for i, weight := range u.weights {
		if weight == nil {
			continue
		}
		shares := q.sharesOf(parts[i].session)
		var by []*big.Int
		for _, c := range cells {
			by = append(by, big.NewInt(shares[c]))
		}
		for n, dealt := range deal(weight, by) {
			u.cells[n] = smaller(dealt.Add(dealt, u.cells[n]), maxWeight)
		}
	}
	u.credits = q.onGrid(u.sum)
	if q.perField(cells) {
		u.credits = sum(q.given(u, cells), maxCredits)
	}
}

func (q *question) perField(cells []cell) bool { return q.rules.perField && len(cells) > 1 }

// given are a unit's credits by cells.
func (q *question) given(u *unit, cells []cell) []credits {
	var out []credits
	if q.perField(cells) {
		for _, weight := range u.cells {
			if q.reachesAward(u.sum) {
				out = append(out, q.onSteps(weight))
			} else {
				out = append(out, new(big.Int))
			}
		}
		return out
	}
	step := big.NewInt(q.rules.step)
	for _, steps := range deal(new(big.Int).Div(u.credits, step), u.cells) {
		out = append(out, steps.Mul(steps, step))
	}
	return out
}

// cap takes off what is above the caps, the last cell first.
func (q *question) cap(s *side, cells []cell) {
	over := func(most int64, is func(cell) bool) {
		above := new(big.Int).Neg(big.NewInt(most))
		for i, c := range cells {
			if is(c) {
				above.Add(above, s.cells[i])
			}
		}
		for i := len(cells) - 1; i >= 0 && above.Sign() > 0; i-- {
			if is(cells[i]) && s.cells[i].Sign() > 0 {
				off := smaller(above, s.cells[i])
				s.cells[i] = new(big.Int).Sub(s.cells[i], off)
				above = new(big.Int).Sub(above, off)
				s.capped = true
			}
		}
	}
	var fields []string
	for field := range q.rules.capFields {
		fields = append(fields, field)
	}
	sort.Strings(fields)
	for _, field := range fields {
		over(q.rules.capFields[field], func(c cell) bool { return c.field == field })
	}
	if q.rules.capDay > 0 {
		var before *string
		for i := range cells {
			day := cells[i].day
			if before == nil || *before != day {
				over(q.rules.capDay, func(c cell) bool { return c.day == day })
			}
			before = &day
		}
	}
	if q.rules.capProgramme > 0 {
		over(q.rules.capProgramme, func(cell) bool { return true })
	}
	s.total = sum(s.cells, maxCredits)
}
